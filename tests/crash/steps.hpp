/// The operations of a workload, done to a real file system.
#pragma once

#include "kidney/fs/file_system.hpp"
#include "kidney/fs/vnode.hpp"
#include "tests/crash/tree.hpp"
#include "tests/crash/workload.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kidney::crash {

[[nodiscard]] inline Result<Ref<fs::Vnode>> find(fs::FileSystem& system, std::string_view path) {
    Ref<fs::Vnode> at = system.root();
    while (!path.empty()) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        at = TRY(at->lookup(path.substr(0, slash)));
        path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return at;
}
[[nodiscard]] inline Status write_bytes(fs::Vnode& node, const Operation& step,
                                        std::uint32_t version) {
    const std::uint64_t begin =
        step.kind == Kind::append ? TRY(node.attributes()).size : overwrite_at;
    std::string bytes(step.number, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = byte_at(static_cast<std::size_t>(begin) + i, version);
    }
    fs::SpanWriteBuffer from(std::as_bytes(std::span(bytes)));
    std::uint64_t end = 0;
    const std::size_t written =
        TRY(step.kind == Kind::append ? node.append(from, end) : node.write(begin, from));
    return written == bytes.size() ? Status() : Status(fail(Errc::no_space));
}
[[nodiscard]] inline Status run(fs::FileSystem& system, const Operation& step,
                                std::uint32_t version) {
    if (step.kind == Kind::sync) {
        return system.sync();
    }
    const auto parent_of = [&](std::string_view path) {
        const std::size_t slash = path.rfind('/');
        return find(system, slash == std::string_view::npos ? "" : path.substr(0, slash));
    };
    const auto name_of = [](std::string_view path) { return path.substr(path.rfind('/') + 1); };
    const Ref<fs::Vnode> parent = TRY(parent_of(step.path));
    const std::string_view name = name_of(step.path);
    switch (step.kind) {
        case Kind::create:
        case Kind::mkdir:
        case Kind::symlink: {
            fs::NewNode what{.permissions = fs::Permissions(0644)};
            if (step.kind == Kind::mkdir) {
                what = {.type = fs::NodeType::directory, .permissions = fs::Permissions(0755)};
            } else if (step.kind == Kind::symlink) {
                what = {.type = fs::NodeType::symlink,
                        .permissions = fs::Permissions(0777),
                        .target = step.second};
            }
            const auto made = parent->create(name, what);
            return made ? Status() : Status(fail(made.error()));
        }
        default:
            break;
    }
    const Ref<fs::Vnode> node = TRY(parent->lookup(name));
    fs::AttributeChange change;
    switch (step.kind) {
        case Kind::link:
            return TRY(parent_of(step.second))->link(name_of(step.second), *node);
        case Kind::unlink:
        case Kind::rmdir:
            return parent->unlink(name, *node);
        case Kind::rename: {
            const Ref<fs::Vnode> to = TRY(parent_of(step.second));
            Ref<fs::Vnode> there;
            if (auto found = to->lookup(name_of(step.second))) {
                there = *found;
            }
            return parent->rename({name, *node, *to, name_of(step.second), there.get()});
        }
        case Kind::chmod:
            change.permissions = fs::Permissions(static_cast<std::uint16_t>(step.number));
            return node->set_attributes(change);
        case Kind::truncate:
        case Kind::extend:
            change.size = step.number;
            return node->set_attributes(change);
        default:
            return write_bytes(*node, step, version);
    }
}

}  // namespace kidney::crash
