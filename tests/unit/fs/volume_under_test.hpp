/// A file system on a disk in memory, mounted again and again, and the short words of its tests.
#pragma once

#include "fs/block/any_block_device.hpp"
#include "fs/disk/disk_locks.hpp"
#include "fs/page_cache.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kidney::fs_test {

using TestCache = fs::PageCache<fakes::FakeHeap, Frames, sim::RamArena, NullLock, NullQueue>;
using NullLocks = fs::DiskLocks<NullLock, NullLock, NullLock, NullLock>;

inline std::string pattern(std::size_t size, unsigned seed) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>((i * 31 + seed * 7 + i / 977) & 0xFF);
    }
    return text;
}

/// `System` is a DiskFileSystem of one thread, `Disk` a block device. Paths are "a/b/c" from the
/// root.
template <class Disk, class System, class Options>
class VolumeUnderTest {
public:
    VolumeUnderTest(World& world, Disk& disk, const Options& options = Options{.device_number = 1})
        : cache_(world.heap, world.frames, world.arena),
          fs_(world.heap, cache_, fs::AnyBlockDevice(disk), world.clock, options) {}

    [[nodiscard]] System& fs() { return fs_; }
    [[nodiscard]] TestCache& cache() { return cache_; }

    [[nodiscard]] Result<Ref<fs::Vnode>> at(std::string_view path) {
        Ref<fs::Vnode> node = fs_.root();
        while (!path.empty()) {
            const std::size_t slash = path.find('/');
            node = TRY(node->lookup(path.substr(0, slash)));
            path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
        }
        return node;
    }
    [[nodiscard]] Result<Ref<fs::Vnode>> make(std::string_view path,
                                              const fs::NewNode& what = {
                                                  .permissions = fs::Permissions(0644)}) {
        return TRY(parent(path))->create(name(path), what);
    }
    [[nodiscard]] Status mkdir(std::string_view path) {
        TRY(make(path, {.type = fs::NodeType::directory, .permissions = fs::Permissions(0755)}));
        return {};
    }
    /// Goes on where a short write ended, as a program does.
    [[nodiscard]] static Status write(fs::Vnode& node, std::string_view text,
                                      std::uint64_t offset = 0) {
        for (std::size_t done = 0; done < text.size();) {
            fs::SpanWriteBuffer from(std::as_bytes(std::span(text.substr(done))));
            done += TRY(node.write(offset + done, from));
        }
        return {};
    }
    /// Made if it is not there.
    [[nodiscard]] Status write(std::string_view path, std::string_view text,
                               std::uint64_t offset = 0) {
        Result<Ref<fs::Vnode>> node = at(path);
        if (!node && node.error() == Errc::not_found) {
            node = make(path);
        }
        return write(*TRY(std::move(node)), text, offset);
    }
    [[nodiscard]] Result<std::string> read(std::string_view path) {
        const Ref<fs::Vnode> node = TRY(at(path));
        std::string text(static_cast<std::size_t>(TRY(node->attributes()).size), '?');
        fs::SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        text.resize(TRY(node->read(0, to)));
        return text;
    }
    [[nodiscard]] Status unlink(std::string_view path) {
        const Ref<fs::Vnode> node = TRY(at(path));
        return TRY(parent(path))->unlink(name(path), *node);
    }
    [[nodiscard]] Status link(std::string_view old_path, std::string_view new_path) {
        const Ref<fs::Vnode> node = TRY(at(old_path));
        return TRY(parent(new_path))->link(name(new_path), *node);
    }
    [[nodiscard]] Status rename(std::string_view old_path, std::string_view new_path,
                                bool exchange = false) {
        const Ref<fs::Vnode> node = TRY(at(old_path));
        const Ref<fs::Vnode> to = TRY(parent(new_path));
        const Result<Ref<fs::Vnode>> there = to->lookup(name(new_path));
        if (!there && there.error() != Errc::not_found) {
            return fail(there.error());
        }
        return TRY(parent(old_path))
            ->rename({.name = name(old_path),
                      .node = *node,
                      .new_parent = *to,
                      .new_name = name(new_path),
                      .replaced = there ? there->get() : nullptr,
                      .exchange = exchange});
    }
    [[nodiscard]] Status resize(std::string_view path, std::uint64_t size) {
        return TRY(at(path))->set_attributes({.size = size});
    }

private:
    [[nodiscard]] Result<Ref<fs::Vnode>> parent(std::string_view path) {
        const std::size_t slash = path.rfind('/');
        return at(slash == std::string_view::npos ? "" : path.substr(0, slash));
    }
    [[nodiscard]] static std::string_view name(std::string_view path) {
        const std::size_t slash = path.rfind('/');
        return slash == std::string_view::npos ? path : path.substr(slash + 1);
    }

    TestCache cache_;
    System fs_;
};

}  // namespace kidney::fs_test
