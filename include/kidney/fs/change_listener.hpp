/// Who hears of what happens to nodes and to their names (inotify).
///
/// The VFS tells of names and attributes, whoever moves bytes tells of the open file. Nobody tells
/// under a lock of a file system.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// What has happened. The values are those that inotify has.
enum class Change : std::uint32_t {
    none = 0,
    accessed = 0x1,
    modified = 0x2,
    attributes = 0x4,
    closed_writable = 0x8,
    closed = 0x10,
    opened = 0x20,
    moved_from = 0x40,
    moved_to = 0x80,
    made = 0x100,
    removed = 0x200,
    self_removed = 0x400,
    self_moved = 0x800,
    unmounted = 0x2000,
    lost = 0x4000,       ///< changes that there was no room for
    forgotten = 0x8000,  ///< nobody watches that any more
    directory = 0x4000'0000,
};
[[nodiscard]] constexpr Change operator|(Change a, Change b) noexcept {
    return static_cast<Change>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
[[nodiscard]] constexpr Change operator&(Change a, Change b) noexcept {
    return static_cast<Change>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}
[[nodiscard]] constexpr Change without(Change all, Change some) noexcept {
    return static_cast<Change>(static_cast<std::uint32_t>(all) & ~static_cast<std::uint32_t>(some));
}

/// A node, and the name by which it was found. The name is empty if that is not known.
struct NamedNode {
    Vnode& node;
    Vnode* directory = nullptr;
    std::string_view name{};
};

/// There is one for all file systems. Concurrency: any thread, with no file system's lock held;
/// file_gone() and node_gone() with any mutex held. May sleep. What it has no memory for it tells
/// its watchers as `lost`.
class ChangeListener : public FileWatcher, public NodeWatcher {
public:
    /// Does anybody watch anything? Who asks first saves the call.
    [[nodiscard]] bool is_listening() const noexcept {
        // relaxed: who begins to watch while something happens may miss it
        return watches_.load(std::memory_order_relaxed) != 0;
    }
    /// `name` in `directory` has been made, moved or removed. `cookie`: common to both halves of a
    /// move, else 0.
    virtual void name_changed(Vnode& directory, std::string_view name, Change what,
                              std::uint32_t cookie) noexcept = 0;
    /// For a move.
    [[nodiscard]] virtual std::uint32_t next_cookie() noexcept = 0;
    /// To the watchers of the node only.
    virtual void node_changed(Vnode& node, Change what) noexcept = 0;
    /// To those of the directory, too.
    virtual void found_node_changed(const NamedNode& at, Change what) noexcept = 0;
    virtual void file_changed(File& file, Change what) noexcept = 0;
    /// The node has no name any more: it is not kept for those who watch it.
    virtual void last_name_gone(Vnode& node) noexcept = 0;
    virtual void file_system_gone(FileSystem& file_system) noexcept = 0;
    /// By which name a new file was found.
    virtual void file_found(File& file, std::string_view name) noexcept = 0;

protected:
    ~ChangeListener() = default;

    std::atomic<std::uint32_t> watches_ = 0;
};

/// Who knows by which names nodes are called.
class NameSource {
public:
    static constexpr std::size_t longest = 31;  ///< bytes; longer names are not known
    /// A name of `node` that is true at this moment, copied into `to`.
    [[nodiscard]] virtual std::optional<std::pair<Ref<Vnode>, std::string_view>> name_of(
        const Vnode& node, std::array<char, longest>& to) noexcept = 0;

protected:
    ~NameSource() = default;
};

}  // namespace kidney::fs
