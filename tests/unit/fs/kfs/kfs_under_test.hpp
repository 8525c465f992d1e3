/// A kfs on a disk in memory, and the short words of its tests. Paths are "a/b/c" from the root.
#pragma once

#include "tests/unit/fs/kfs/kfs_disk.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::fs_test {

inline std::string kfs_pattern(std::size_t size, unsigned seed) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>((i * 31 + seed * 7 + i / 977) & 0xFF);
    }
    return text;
}

template <class Disk>
class KfsUnderTest {
public:
    KfsUnderTest(World& world, Disk& disk, const fs::KfsOptions& options = {.device_number = 1})
        : mounted_(world, disk, options) {}

    [[nodiscard]] TestKfs& fs() { return mounted_.fs; }
    [[nodiscard]] KfsCache& cache() { return mounted_.cache; }

    [[nodiscard]] Result<Ref<fs::Vnode>> at(std::string_view path) {
        Ref<fs::Vnode> node = fs().root();
        while (!path.empty()) {
            const std::size_t slash = path.find('/');
            node = TRY(node->lookup(path.substr(0, slash)));
            path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
        }
        return node;
    }
    [[nodiscard]] Result<Ref<fs::Vnode>> make(std::string_view path, const fs::NewNode& what = {}) {
        return TRY(parent(path))->create(name(path), what);
    }
    [[nodiscard]] Status mkdir(std::string_view path) {
        TRY(make(path, {.type = fs::NodeType::directory, .permissions = fs::Permissions(0755)}));
        return {};
    }
    [[nodiscard]] static Status write(fs::Vnode& node, std::string_view text,
                                      std::uint64_t offset = 0) {
        fs::SpanWriteBuffer from(std::as_bytes(std::span(text)));
        std::size_t done = 0;
        while (from.remaining() > 0) {
            done += TRY(node.write(offset + done, from));
        }
        return done == text.size() ? Status() : Status(fail(Errc::no_space));
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
        fs::AttributeChange change;
        change.size = size;
        return TRY(at(path))->set_attributes(change);
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

    MountedKfs<Disk> mounted_;
};

}  // namespace kidney::fs_test
