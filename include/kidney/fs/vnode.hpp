/// `Vnode`, an object of a file system as the VFS sees it: a file, a directory, a link.
///
/// A virtual interface, because many kinds are in use at once. Every operation has a default that
/// says "not here" with the POSIX error, so a file system grows one method at a time: with type(),
/// file_system() and dispose() it compiles, and each method more makes further laws hold.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/attributes.hpp"
#include "kidney/fs/file_system.hpp"
#include "kidney/fs/node_path.hpp"
#include "kidney/fs/transfer.hpp"
#include "kidney/mm/page_source.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kidney::fs {

struct DirectoryEntry {
    std::uint64_t inode = 0;
    NodeType type = NodeType::regular;
    std::string_view name;
    std::uint64_t next_cookie = 0;  ///< position to continue behind this entry
};

/// Receives directory entries; returns false when it has no room for this one. The file system
/// holds its lock during the call: keep the entry in kernel memory, copy to the user afterwards.
class DirectorySink {
public:
    [[nodiscard]] virtual bool accept(const DirectoryEntry& entry) noexcept = 0;

protected:
    ~DirectorySink() = default;
};

class File;  // kidney/fs/file.hpp
class Vnode;

/// Who watches nodes without keeping them all, and must hear that one is gone.
class NodeWatcher {
public:
    /// Called at the very end of the node: it is an address and nothing more. May sleep.
    virtual void node_gone(Vnode& node) noexcept = 0;

protected:
    ~NodeWatcher() = default;
};

/// What rename(2) does: a name of `node` becomes `new_name` in `new_parent` (same file system). The
/// caller has looked at the nodes and decided that this may be done to *them*. The file system
/// compares, under the lock under which it makes the change, and answers `stale` if a name means
/// something else by then; so what was checked before the change is true when it happens.
struct NameMove {
    std::string_view name;
    Vnode& node;
    Vnode& new_parent;
    std::string_view new_name;
    Vnode* replaced = nullptr;  ///< at new_name, of the same kind as `node`; null: nothing is
    bool exchange = false;      ///< `replaced` (any kind) gets the old name
};

/// One object of a file system. Names passed in are single components: non-empty, no '/', at most
/// max_name bytes, never "." or "..".
///   V1  what a file system does not have it answers with the default's error, changing nothing
///   V2  a name that create() gave leads to that node, and is `exists` to the next create(); one
///       that nobody gave, or that was removed, is not_found
///   V3  link() gives one more name to the same node, unlink() takes exactly one; `links` counts
///       them (a directory: 2 and its subdirectories). A directory with names in it is not_empty,
///       a name that means something else by now is stale
///   V4  a node without a name lives as long as somebody refers to it, bytes and all
///   V5  rename() is one step: the old name is gone, the new one leads to the node, what it
///       replaced has one name less; `exchange` swaps two. A directory does not become its own
///       ancestor (invalid_argument)
///   V6  read_directory() feeds ".", ".." and every name that is there throughout once, with the
///       inode and type of its node; the cookie of an entry continues behind it
///   V7  read() answers what the last write() of those bytes stored; what was never written is
///       zeros; only the end of the file makes it short, and behind the end there are 0 bytes
///   V8  write() and append() make the file as long as their last byte, and no longer; append()
///       begins at the end of that moment. Neither stores a byte at or behind the writer's limit
///       (WriteBuffer::limit_size); file_too_big, if that leaves none. Set-id bits that the writer
///       does not leave (end_set_id) end with the step in which bytes are stored, not before it
///   V9  a file that is cut forgets: when it grows again the bytes are zeros
///   V10 attributes are what set_attributes() made them; the inode number never changes, and no
///       other node of the file system has it
///   V11 read_link() answers the text that the link was made with
///   V12 the data of a directory are is_directory, names in a file not_directory
///   V13 an operation that fails changes nothing; without space it is no_space, and what it had
///       taken is free again
/// Concurrency: any thread; each file system locks itself. May sleep.
class Vnode : public RefCounted {
public:
    [[nodiscard]] virtual NodeType type() const noexcept = 0;
    [[nodiscard]] virtual FileSystem& file_system() const noexcept = 0;
    [[nodiscard]] virtual Result<Attributes> attributes() noexcept {
        return fail(Errc::not_supported);
    }
    [[nodiscard]] virtual Status set_attributes(const AttributeChange&) noexcept {
        return fail(Errc::read_only);
    }

    // Directories.
    [[nodiscard]] virtual Result<Ref<Vnode>> lookup(std::string_view) noexcept {
        return fail(Errc::not_directory);
    }
    /// The directory that contains this one; itself at the root of a file system.
    [[nodiscard]] virtual Result<Ref<Vnode>> parent() noexcept { return fail(Errc::not_directory); }
    /// Errors: exists, no_space, no_memory, read_only.
    [[nodiscard]] virtual Result<Ref<Vnode>> create(std::string_view, const NewNode&) noexcept {
        return fail(Errc::read_only);
    }
    /// Like create(), without a name: the file goes with its last user, unless it is `linkable` and
    /// link() gives it a name. Errors: no_space, no_memory, not_supported.
    [[nodiscard]] virtual Result<Ref<Vnode>> create_unnamed(const NewNode&,
                                                            bool /*linkable*/) noexcept {
        return fail(Errc::not_supported);
    }
    [[nodiscard]] virtual Status link(std::string_view, Vnode&) noexcept {
        return fail(Errc::read_only);
    }
    /// Removes a name of `node`; a directory must be empty. Errors: stale (the name means something
    /// else by now, or nothing), not_empty, busy (a mount point).
    [[nodiscard]] virtual Status unlink(std::string_view, Vnode& /*node*/) noexcept {
        return fail(Errc::read_only);
    }
    /// Moves a name out of this directory, atomically. Errors: stale, not_empty, busy,
    /// invalid_argument (a directory into itself), not_found (the new parent was removed).
    [[nodiscard]] virtual Status rename(const NameMove&) noexcept { return fail(Errc::read_only); }
    /// Feeds entries from `cookie` (0 = start, "." and ".." included) until the sink is full or the
    /// end.
    [[nodiscard]] virtual Status read_directory(std::uint64_t, DirectorySink&) noexcept {
        return fail(Errc::not_directory);
    }

    // Symbolic links: copies the target, returns its length.
    [[nodiscard]] virtual Result<std::size_t> read_link(std::span<char>) noexcept {
        return fail(Errc::invalid_argument);
    }

    /// Links that know their target itself (/proc/self/exe, /proc/self/fd/0). A null Ref: follow
    /// the text.
    [[nodiscard]] virtual Result<Ref<Vnode>> follow() noexcept { return Ref<Vnode>(); }

    // Data. Short counts only at the end of the file or on a fault after some progress.
    [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t, ReadBuffer&) noexcept {
        return fail(Errc::invalid_argument);
    }
    [[nodiscard]] virtual Result<std::size_t> write(std::uint64_t, WriteBuffer&) noexcept {
        return fail(Errc::invalid_argument);
    }
    /// Writes at the end, wherever that is at this moment; `end` becomes the position behind the
    /// bytes. Two appenders never overwrite each other.
    [[nodiscard]] virtual Result<std::size_t> append(WriteBuffer&,
                                                     std::uint64_t& /*end*/) noexcept {
        return fail(Errc::invalid_argument);
    }
    /// Has blocks for all of the range (`length` is not 0), and a file that reaches its end at
    /// least unless `keep_size`; its bytes stay as they were. Errors: no_space, file_too_big,
    /// not_supported.
    [[nodiscard]] virtual Status allocate(std::uint64_t, std::uint64_t /*length*/,
                                          bool /*keep_size*/) noexcept {
        return fail(Errc::not_supported);
    }
    /// The range (`length` is not 0) reads as zeros, through shared mappings as well, and has no
    /// blocks but those at its ends. The size stays. Error: not_supported.
    [[nodiscard]] virtual Status punch_hole(std::uint64_t, std::uint64_t /*length*/) noexcept {
        return fail(Errc::not_supported);
    }
    /// The first position at or behind `offset` with data, or in a hole; behind the end is a hole.
    /// A file system that does not know its holes has data everywhere. Error: no_device (`offset`
    /// is behind the end, or no data follow).
    [[nodiscard]] virtual Result<std::uint64_t> find_data(std::uint64_t offset) noexcept {
        return offset < TRY(attributes()).size ? Result<std::uint64_t>(offset)
                                               : fail(Errc::no_device);
    }
    [[nodiscard]] virtual Result<std::uint64_t> find_hole(std::uint64_t offset) noexcept {
        const std::uint64_t size = TRY(attributes()).size;
        return offset < size ? Result<std::uint64_t>(size) : fail(Errc::no_device);
    }
    [[nodiscard]] virtual Status sync() noexcept { return {}; }
    /// How often its data could not be stored behind the backs of those who wrote them. Each open
    /// file tells its user once that there were more.
    [[nodiscard]] virtual std::uint32_t write_errors() noexcept { return 0; }
    /// Error: invalid_argument (there is no such thing here).
    [[nodiscard]] virtual Result<std::uint32_t> seals() noexcept {
        return fail(Errc::invalid_argument);
    }
    /// Pages for mmap and exec. Error: unsuitable_device where the object has no pages.
    [[nodiscard]] virtual Result<Ref<mm::PageSource>> pages() noexcept {
        return fail(Errc::unsuitable_device);
    }

    /// Nodes with a life of their own (devices, /proc) answer with their own File. A null Ref says:
    /// the VFS makes a plain file, or finds the device or pipe that the node's type names.
    [[nodiscard]] virtual Result<Ref<File>> open(OpenMode) noexcept { return Ref<File>(); }

    virtual void dispose() noexcept = 0;

    /// True while something is mounted here, in whatever mount this node is seen. It saves the path
    /// walk a look into the mount table at every other node.
    [[nodiscard]] bool is_mount_point() const noexcept {
        return mounts_.load(std::memory_order_acquire) > 0;
    }
    /// A node is a mount point or removed, never both: who comes first wins. The mount table
    /// counts; a file system removes as the last step that can fail. False: too late.
    [[nodiscard]] bool add_mount() noexcept {
        std::int32_t seen = mounts_.load(std::memory_order_relaxed);
        // acq_rel: who sees a mount point finds the mount in the table (its lock orders the rest)
        while (seen != removed &&
               !mounts_.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel)) {
        }
        return seen != removed;
    }
    void remove_mount() noexcept { mounts_.fetch_sub(1, std::memory_order_release); }
    [[nodiscard]] bool become_removed() noexcept {
        std::int32_t free = 0;
        return mounts_.compare_exchange_strong(free, removed, std::memory_order_acq_rel);
    }

    /// Who writes a regular file and who runs it exclude each other. Each begin() that succeeds has
    /// its end(). Error: text_busy (the other kind is there).
    [[nodiscard]] Status begin_writing() noexcept { return count(1); }
    void end_writing() noexcept { writers_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] Status begin_executing() noexcept { return count(-1); }
    void end_executing() noexcept { writers_.fetch_add(1, std::memory_order_relaxed); }

    /// Does anybody watch what happens to it? (kidney/fs/change_listener.hpp)
    [[nodiscard]] bool is_watched() const noexcept {
        return watcher_.load(std::memory_order_acquire) != nullptr;
    }
    /// Null: nobody does any more. The caller has a reference, unless the node is gone.
    void set_watcher(NodeWatcher* watcher) noexcept {
        watcher_.store(watcher, std::memory_order_release);
    }
    /// How often a name of it was moved or removed.
    [[nodiscard]] std::uint32_t lost_names() const noexcept {
        return lost_names_.load(std::memory_order_acquire);
    }
    void has_lost_name() noexcept { lost_names_.fetch_add(1, std::memory_order_release); }

    /// Only the name cache reads and changes it, under its lock.
    [[nodiscard]] Ref<NodePath>& last_path() noexcept { return last_path_; }

protected:
    Vnode() noexcept = default;
    ~Vnode() {
        if (NodeWatcher* const watcher = watcher_.load(std::memory_order_acquire)) {
            watcher->node_gone(*this);
        }
    }

private:
    [[nodiscard]] Status count(std::int32_t one) noexcept {
        // relaxed: a count that excludes; the bytes have locks of their own
        std::int32_t now = writers_.load(std::memory_order_relaxed);
        do {
            if ((now < 0) != (one < 0) && now != 0) {
                return fail(Errc::text_busy);
            }
        } while (!writers_.compare_exchange_weak(now, now + one, std::memory_order_relaxed));
        return {};
    }

    static constexpr std::int32_t removed = -1;
    std::atomic<std::int32_t> mounts_ = 0;   ///< on this node
    std::atomic<std::int32_t> writers_ = 0;  ///< below 0: processes that run it
    std::atomic<std::uint32_t> lost_names_ = 0;
    std::atomic<NodeWatcher*> watcher_ = nullptr;
    Ref<NodePath> last_path_;
};

}  // namespace kidney::fs

// The default of open() returns a File that whoever derives from Vnode must be able to destroy.
#include "kidney/fs/file.hpp"  // IWYU pragma: keep
