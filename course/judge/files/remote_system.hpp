/// A file system in another process, as a FileSystem: the laws run on it as on any other.
#pragma once

#include "course/judge/files/remote.hpp"
#include "kidney/fs/file_system.hpp"
#include "kidney/fs/vnode.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kidney::course::files {

class RemoteSystem;

class RemoteNode final : public fs::Vnode {
public:
    RemoteNode(RemoteSystem& system, std::uint64_t number, fs::NodeType type) noexcept
        : system_(system), number_(number), type_(type) {}
    [[nodiscard]] fs::NodeType type() const noexcept override { return type_; }
    [[nodiscard]] fs::FileSystem& file_system() const noexcept override;
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    [[nodiscard]] Result<fs::Attributes> attributes() noexcept override;
    [[nodiscard]] Status set_attributes(const fs::AttributeChange& change) noexcept override;
    [[nodiscard]] Result<Ref<fs::Vnode>> lookup(std::string_view name) noexcept override;
    [[nodiscard]] Result<Ref<fs::Vnode>> parent() noexcept override;
    [[nodiscard]] Result<Ref<fs::Vnode>> create(std::string_view name,
                                                const fs::NewNode& what) noexcept override;
    [[nodiscard]] Status link(std::string_view name, fs::Vnode& node) noexcept override;
    [[nodiscard]] Status unlink(std::string_view name, fs::Vnode& node) noexcept override;
    [[nodiscard]] Status rename(const fs::NameMove& move) noexcept override;
    [[nodiscard]] Status read_directory(std::uint64_t cookie,
                                        fs::DirectorySink& sink) noexcept override;
    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override;
    [[nodiscard]] Result<std::size_t> read(std::uint64_t offset,
                                           fs::ReadBuffer& to) noexcept override;
    [[nodiscard]] Result<std::size_t> write(std::uint64_t offset,
                                            fs::WriteBuffer& from) noexcept override;
    [[nodiscard]] Result<std::size_t> append(fs::WriteBuffer& from,
                                             std::uint64_t& end) noexcept override;
    [[nodiscard]] Status sync() noexcept override;
    void dispose() noexcept override;

private:
    [[nodiscard]] Head ask(Ask what, const NodeCall& call, std::string_view first = {},
                           std::string_view second = {}) const;

    RemoteSystem& system_;
    const std::uint64_t number_;
    const fs::NodeType type_;
};

/// One life.
class RemoteSystem final : public fs::FileSystem {
public:
    RemoteSystem(Remote& remote, std::uint64_t root) : remote_(remote) {
        root_ = node(root, fs::NodeType::directory);
    }
    [[nodiscard]] Ref<fs::Vnode> root() noexcept override { return Ref<fs::Vnode>(root_); }
    [[nodiscard]] const char* type_name() const noexcept override { return "vsfs"; }
    [[nodiscard]] std::uint64_t max_file_size() const noexcept override {
        return fs::vsfs::max_file_size;
    }
    [[nodiscard]] Status sync() noexcept override {
        return Remote::status_of(remote_.ask({.kind = static_cast<std::uint8_t>(Ask::sync)}));
    }
    [[nodiscard]] fs::FileSystemStatus status() noexcept override {
        const Head head = remote_.ask({.kind = static_cast<std::uint8_t>(Ask::status)});
        return Remote::status_of(head) ? remote_.as<fs::FileSystemStatus>()
                                       : fs::FileSystemStatus{};
    }
    /// Nobody refers to a node.
    [[nodiscard]] Status unmount() {
        root_.reset();
        return Remote::status_of(remote_.ask({.kind = static_cast<std::uint8_t>(Ask::unmount)}));
    }
    [[nodiscard]] Remote& remote() noexcept { return remote_; }

    // For the nodes.
    [[nodiscard]] Ref<RemoteNode> node(std::uint64_t number, fs::NodeType type) {
        RemoteNode*& known = nodes_[number];
        if (known != nullptr && known->try_retain()) {
            return Ref<RemoteNode>::adopt(known);
        }
        known = new RemoteNode(*this, number, type);
        return Ref<RemoteNode>::adopt(known);
    }
    [[nodiscard]] Result<Ref<fs::Vnode>> node(const Head& head) {
        TRY(Remote::status_of(head));
        return Ref<fs::Vnode>(
            node(head.a, head.b <= static_cast<std::uint64_t>(fs::NodeType::symlink) + 8
                             ? static_cast<fs::NodeType>(head.b)
                             : fs::NodeType::regular));
    }
    void gone(RemoteNode& node) {
        nodes_.erase(node.number());
        remote_.drop(node.number());
        delete &node;
    }

private:
    Remote& remote_;
    std::unordered_map<std::uint64_t, RemoteNode*> nodes_;
    Ref<RemoteNode> root_;
};

inline fs::FileSystem& RemoteNode::file_system() const noexcept {
    return system_;
}
inline void RemoteNode::dispose() noexcept {
    system_.gone(*this);
}
inline Head RemoteNode::ask(Ask what, const NodeCall& call, std::string_view first,
                            std::string_view second) const {
    NodeCall sent = call;
    sent.first_length = static_cast<std::uint32_t>(first.size());
    sent.second_length = static_cast<std::uint32_t>(second.size());
    return system_.remote().ask({.kind = static_cast<std::uint8_t>(what), .a = number_},
                                std::as_bytes(std::span(&sent, 1)), first, second);
}
inline Result<fs::Attributes> RemoteNode::attributes() noexcept {
    TRY(Remote::status_of(ask(Ask::attributes, {})));
    const auto a = system_.remote().as<AttributesAnswer>();
    return fs::Attributes{.inode = a.inode,
                          .device = 1,
                          .type = static_cast<fs::NodeType>(a.type),
                          .permissions = fs::Permissions(static_cast<std::uint16_t>(a.permissions)),
                          .links = a.links,
                          .uid = a.uid,
                          .gid = a.gid,
                          .size = a.size,
                          .block_size = fs::vsfs::block_size,
                          .blocks = a.blocks,
                          .rdev = {},
                          .accessed = {a.accessed, 0},
                          .modified = {a.modified, 0},
                          .changed = {a.changed, 0}};
}
inline Status RemoteNode::set_attributes(const fs::AttributeChange& change) noexcept {
    NodeCall call;
    const auto bit = [&](bool has, unsigned at) { call.changes |= has ? 1U << at : 0U; };
    bit(change.permissions.has_value(), 0);
    bit(change.uid.has_value(), 1);
    bit(change.gid.has_value(), 2);
    bit(change.size.has_value(), 3);
    bit(change.accessed.has_value(), 4);
    bit(change.modified.has_value(), 5);
    call.permissions = change.permissions.value_or(fs::Permissions()).bits();
    call.uid = change.uid.value_or(0);
    call.gid = change.gid.value_or(0);
    call.size = change.size.value_or(0);
    call.accessed = change.accessed.value_or(fs::FileTime{}).seconds;
    call.modified = change.modified.value_or(fs::FileTime{}).seconds;
    return Remote::status_of(ask(Ask::set_attributes, call));
}
inline Result<Ref<fs::Vnode>> RemoteNode::lookup(std::string_view name) noexcept {
    return system_.node(ask(Ask::lookup, {}, name));
}
inline Result<Ref<fs::Vnode>> RemoteNode::parent() noexcept {
    return system_.node(ask(Ask::parent, {}));
}
inline Result<Ref<fs::Vnode>> RemoteNode::create(std::string_view name,
                                                 const fs::NewNode& what) noexcept {
    NodeCall call;
    call.type = static_cast<std::uint32_t>(what.type);
    call.permissions = what.permissions.bits();
    call.uid = what.uid;
    call.gid = what.gid;
    return system_.node(ask(Ask::create, call, name, what.target));
}
inline Status RemoteNode::link(std::string_view name, fs::Vnode& node) noexcept {
    NodeCall call;
    call.node = static_cast<RemoteNode&>(node).number();
    return Remote::status_of(ask(Ask::link, call, name));
}
inline Status RemoteNode::unlink(std::string_view name, fs::Vnode& node) noexcept {
    NodeCall call;
    call.node = static_cast<RemoteNode&>(node).number();
    return Remote::status_of(ask(Ask::unlink, call, name));
}
inline Status RemoteNode::rename(const fs::NameMove& move) noexcept {
    NodeCall call;
    call.node = static_cast<RemoteNode&>(move.node).number();
    call.new_parent = static_cast<RemoteNode&>(move.new_parent).number();
    call.replaced =
        move.replaced == nullptr ? 0 : static_cast<RemoteNode*>(move.replaced)->number();
    call.exchange = move.exchange ? 1 : 0;
    return Remote::status_of(ask(Ask::rename, call, move.name, move.new_name));
}
inline Status RemoteNode::read_directory(std::uint64_t cookie, fs::DirectorySink& sink) noexcept {
    for (std::uint32_t calls = 0; calls < 100'000; ++calls) {
        TRY(Remote::status_of(system_.remote().ask(
            {.kind = static_cast<std::uint8_t>(Ask::list), .a = number_, .b = cookie})));
        const std::size_t count = system_.remote().bytes().size() / sizeof(EntryAnswer);
        for (std::size_t i = 0; i < count; ++i) {
            const auto entry = system_.remote().as<EntryAnswer>(i * sizeof(EntryAnswer));
            const std::string_view name(entry.name.data(),
                                        std::min<std::size_t>(entry.length, entry.name.size()));
            if (!sink.accept(
                    {entry.inode, static_cast<fs::NodeType>(entry.type), name, entry.cookie})) {
                return {};
            }
            cookie = entry.cookie;
        }
        if (count < entries_at_a_time) {
            return {};
        }
    }
    return fail(Errc::corrupted);  // a directory without an end
}
inline Result<std::size_t> RemoteNode::read_link(std::span<char> to) noexcept {
    TRY(Remote::status_of(system_.remote().ask({.kind = static_cast<std::uint8_t>(Ask::read_link),
                                                .more = static_cast<std::uint32_t>(to.size()),
                                                .a = number_})));
    const auto bytes = system_.remote().bytes();
    const std::size_t count = std::min(bytes.size(), to.size());
    if (count > 0) {
        std::memcpy(to.data(), bytes.data(), count);
    }
    return count;
}
inline Result<std::size_t> RemoteNode::read(std::uint64_t offset, fs::ReadBuffer& to) noexcept {
    TRY(Remote::status_of(system_.remote().ask({.kind = static_cast<std::uint8_t>(Ask::read),
                                                .more = static_cast<std::uint32_t>(to.remaining()),
                                                .a = number_,
                                                .b = offset})));
    const auto bytes = system_.remote().bytes();
    const std::size_t count = std::min(bytes.size(), to.remaining());
    if (count > 0) {
        TRY(to.put(bytes.first(count)));
    }
    return count;
}
inline Result<std::size_t> RemoteNode::write(std::uint64_t offset, fs::WriteBuffer& from) noexcept {
    std::vector<std::byte> bytes(from.remaining());
    TRY(from.take(bytes));
    const Head head = system_.remote().ask(
        {.kind = static_cast<std::uint8_t>(Ask::write), .a = number_, .b = offset}, bytes);
    TRY(Remote::status_of(head));
    return static_cast<std::size_t>(head.a);
}
inline Result<std::size_t> RemoteNode::append(fs::WriteBuffer& from, std::uint64_t& end) noexcept {
    std::vector<std::byte> bytes(from.remaining());
    TRY(from.take(bytes));
    const Head head =
        system_.remote().ask({.kind = static_cast<std::uint8_t>(Ask::append), .a = number_}, bytes);
    TRY(Remote::status_of(head));
    end = head.b;
    return static_cast<std::size_t>(head.a);
}
inline Status RemoteNode::sync() noexcept {
    return Remote::status_of(
        system_.remote().ask({.kind = static_cast<std::uint8_t>(Ask::sync_node), .a = number_}));
}

}  // namespace kidney::course::files
