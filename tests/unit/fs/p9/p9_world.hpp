/// A folder on a server in memory, mounted by P9.
#pragma once

#include "fs/p9/p9.hpp"
#include "fs/page_cache.hpp"
#include "tests/fakes/fake_9p_server.hpp"
#include "tests/laws/files/subject.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace kidney::fs_test {

inline constexpr laws::file_system::Abilities p9_abilities{.unnamed = false, .exchange = false};

/// What P9 stands on; what it lends must come back.
struct P9World {
    using Cache = fs::PageCache<fakes::FakeHeap, Frames, sim::RamArena, NullLock, NullQueue>;
    using System = fs::P9<fakes::FakeHeap, fakes::Fake9pServer, Cache, NullLock, NullLock>;

    [[nodiscard]] Status mount(std::size_t most_bytes = 65536) {
        system = std::make_unique<System>(world.heap, server, cache, 7);
        const Status mounted = system->mount(most_bytes);
        if (!mounted) {
            system.reset();
        }
        return mounted;
    }
    void unmount() { system.reset(); }

    World world;
    Cache cache{world.heap, world.frames, world.arena};
    fakes::Fake9pServer server;
    std::unique_ptr<System> system;
};

/// Does some of everything.
inline std::vector<std::function<Status(fs::Vnode&)>> some_of_everything() {
    namespace law = laws::file_system;
    using fs::NodeType;
    const auto done = [](const auto& result) {
        return result ? Status() : Status(fail(result.error()));
    };
    return {
        [=](fs::Vnode& r) { return done(law::make(r, "a")); },
        [=](fs::Vnode& r) { return done(law::make(r, "d", NodeType::directory)); },
        [=](fs::Vnode& r) -> Status {
            return done(law::put(*TRY(r.lookup("a")), 8'000, 5'000, 1));
        },
        [=](fs::Vnode& r) -> Status { return r.link("b", *TRY(r.lookup("a"))); },
        [=](fs::Vnode& r) -> Status { return law::move(r, "a", *TRY(r.lookup("d")), "a"); },
        [=](fs::Vnode& r) -> Status { return done(law::put_at_end(*TRY(r.lookup("b")), 200, 1)); },
        [=](fs::Vnode& r) -> Status {
            const Ref<fs::Vnode> b = TRY(r.lookup("b"));
            std::vector<std::byte> bytes(7'000);
            fs::SpanReadBuffer to(bytes);
            TRY(b->open({.read = true}));
            TRY(b->pages());
            return done(b->read(0, to));
        },
        [=](fs::Vnode& r) { return done(law::make(r, "l", NodeType::symlink, "target")); },
        [=](fs::Vnode& r) -> Status {
            std::array<char, 20> text{};
            return done(TRY(r.lookup("l"))->read_link(text));
        },
        [=](fs::Vnode& r) -> Status { return law::cut(*TRY(r.lookup("b")), 5'000); },
        [=](fs::Vnode& r) { return done(law::make(r, "pipe", NodeType::fifo)); },
        [=](fs::Vnode& r) -> Status {
            struct Sink final : fs::DirectorySink {
                bool accept(const fs::DirectoryEntry&) noexcept override { return true; }
            } sink;
            return TRY(TRY(r.lookup("d"))->parent())->read_directory(0, sink);
        },
        [=](fs::Vnode& r) { return law::move(r, "l", r, "b"); },
        [=](fs::Vnode& r) -> Status { return law::remove(*TRY(r.lookup("d")), "a"); },
        [=](fs::Vnode& r) { return law::remove(r, "d"); },
        [=](fs::Vnode& r) -> Status { return TRY(r.lookup("b"))->sync(); },
        [=](fs::Vnode& r) { return r.file_system().sync(); },
        [=](fs::Vnode& r) { return law::remove(r, "b"); },
        [=](fs::Vnode& r) { return law::remove(r, "pipe"); },
    };
}

}  // namespace kidney::fs_test
