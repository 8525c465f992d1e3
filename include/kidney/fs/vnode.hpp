/// Files as the VFS sees them: `Vnode` (an object of a file system) and `File` (an open file
/// description).
///
/// Both are virtual interfaces, because many kinds are in use at once. Every operation has a
/// default that says "not here" with the POSIX error, so a file system grows one method at a time.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/time.hpp"
#include "kidney/fs/attributes.hpp"
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

class File;
class FileSystem;
class SplicePipe;  // kidney/fs/splice_pipe.hpp

class Vnode;

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
/// max_name bytes, never "." or "..". Concurrency: any thread; each file system locks itself. May
/// sleep.
class Vnode : public RefCounted {
public:
    [[nodiscard]] virtual Result<Attributes> attributes() noexcept = 0;
    [[nodiscard]] virtual NodeType type() const noexcept = 0;
    [[nodiscard]] virtual FileSystem& file_system() const noexcept = 0;
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

    /// True while a file system is mounted here. It saves the path walk a look into the mount table
    /// at every other directory.
    [[nodiscard]] bool is_mount_point() const noexcept {
        return mounting_.load(std::memory_order_acquire) == Mounting::mount_point;
    }
    /// A directory is a mount point or removed, never both: who comes first wins. The mount table
    /// begins and ends; a file system removes as the last step that can fail. False: too late.
    [[nodiscard]] bool become_mount_point() noexcept {
        return leave_state(Mounting::free, Mounting::mount_point);
    }
    void end_mount_point() noexcept { mounting_.store(Mounting::free, std::memory_order_release); }
    [[nodiscard]] bool become_removed() noexcept {
        return leave_state(Mounting::free, Mounting::removed);
    }

    /// Who writes a regular file and who runs it exclude each other. Each begin() that succeeds has
    /// its end(). Error: text_busy (the other kind is there).
    [[nodiscard]] Status begin_writing() noexcept { return count(1); }
    void end_writing() noexcept { writers_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] Status begin_executing() noexcept { return count(-1); }
    void end_executing() noexcept { writers_.fetch_add(1, std::memory_order_relaxed); }

    /// Only the name cache reads and changes it, under its lock.
    [[nodiscard]] Ref<NodePath>& last_path() noexcept { return last_path_; }

protected:
    Vnode() noexcept = default;
    ~Vnode() = default;

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

    enum class Mounting : std::uint8_t { free, mount_point, removed };

    [[nodiscard]] bool leave_state(Mounting from, Mounting to) noexcept {
        // acq_rel: who sees a mount point finds the mount in the table (its lock orders the rest)
        return mounting_.compare_exchange_strong(from, to, std::memory_order_acq_rel);
    }

    std::atomic<Mounting> mounting_ = Mounting::free;
    std::atomic<std::int32_t> writers_ = 0;  ///< below 0: processes that run it
    Ref<NodePath> last_path_;
};

/// A mounted file system.
class FileSystem {
public:
    [[nodiscard]] virtual Ref<Vnode> root() noexcept = 0;
    [[nodiscard]] virtual FileSystemStatus status() noexcept = 0;
    [[nodiscard]] virtual Status sync() noexcept = 0;
    [[nodiscard]] virtual const char* type_name() const noexcept = 0;
    [[nodiscard]] virtual bool is_read_only() const noexcept { return false; }
    /// No byte of a file is at or behind this position, and no open file stands there.
    [[nodiscard]] virtual std::uint64_t max_file_size() const noexcept { return max_small_file; }
    /// References to a node that has a name which the file system itself keeps.
    [[nodiscard]] virtual std::uint32_t own_references() const noexcept { return 0; }
    /// False where names come and go by themselves (/proc): then the VFS does not remember them.
    [[nodiscard]] virtual bool names_are_stable() const noexcept { return true; }

protected:
    ~FileSystem() = default;
};

enum class Whence : std::uint8_t { start, current, end, data, hole };

/// Readiness of a File, for poll.
struct Readiness {
    bool readable = false, writable = false, hung_up = false, error = false;
};

/// Somebody who waits for a File to become ready (kidney/fs/poll.hpp).
class PollWaiter;

/// Somebody who keeps something in the name of an open file, and must hear that it is gone.
class FileWatcher {
public:
    /// The last reference is gone: `file` is only an address by now. May sleep.
    virtual void file_gone(const File& file) noexcept = 0;

protected:
    ~FileWatcher() = default;
};

/// An open file description: what dup() and fork() share. Concurrency: any thread.
class File : public RefCounted {
public:
    [[nodiscard]] virtual Result<std::size_t> read(ReadBuffer&) noexcept {
        return fail(Errc::bad_descriptor);
    }
    [[nodiscard]] virtual Result<std::size_t> write(WriteBuffer&) noexcept {
        return fail(Errc::bad_descriptor);
    }
    /// Like read/write at a position, leaving the file's own position alone.
    [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t, ReadBuffer&) noexcept {
        return fail(Errc::not_seekable);
    }
    [[nodiscard]] virtual Result<std::size_t> write_at(std::uint64_t, WriteBuffer&) noexcept {
        return fail(Errc::not_seekable);
    }
    /// Writes at the end, wherever that is at this moment; the position stays.
    [[nodiscard]] virtual Result<std::size_t> append(WriteBuffer& from) noexcept {
        return write(from);
    }
    [[nodiscard]] virtual Result<std::uint64_t> seek(std::int64_t, Whence) noexcept {
        return fail(Errc::not_seekable);
    }
    /// Has positions: read_at(), write_at() and seek() are there.
    [[nodiscard]] virtual bool is_seekable() const noexcept { return false; }
    [[nodiscard]] virtual Status read_directory(DirectorySink&) noexcept {
        return fail(Errc::not_directory);
    }
    /// `request` and `argument` as in Linux; the argument may be a user address.
    [[nodiscard]] virtual Result<std::uint32_t> control(std::uint32_t, std::uint32_t) noexcept {
        return fail(Errc::not_a_terminal);
    }
    /// FIONREAD for what is not a regular file: how many bytes a read would find at this moment.
    [[nodiscard]] virtual Result<std::uint32_t> readable_bytes() noexcept {
        return fail(Errc::not_a_terminal);
    }
    /// Current readiness; if `waiter` is given it is also told about the next change.
    [[nodiscard]] virtual Readiness poll(PollWaiter* /*waiter*/) noexcept {
        return {true, true, false, false};
    }
    /// Its pipe, or null (everything else).
    [[nodiscard]] virtual SplicePipe* pipe() noexcept { return nullptr; }
    /// The object behind it, or null (pipes).
    [[nodiscard]] virtual Vnode* vnode() noexcept { return nullptr; }
    /// Of what it lives in. Files without a node live in nothing that has a size.
    [[nodiscard]] virtual FileSystemStatus file_system_status() noexcept {
        constexpr std::uint32_t anonymous = 0x0904'1934;
        Vnode* const node = vnode();
        return node == nullptr ? FileSystemStatus{.magic = anonymous}
                               : node->file_system().status();
    }
    /// fsync(2). Errors: io_error, invalid_argument (there is nothing that could be stored).
    [[nodiscard]] virtual Status sync() noexcept {
        Vnode* const node = vnode();
        return node == nullptr || node->type() == NodeType::character ||
                       node->type() == NodeType::fifo
                   ? Status(fail(Errc::invalid_argument))
                   : node->sync();
    }
    [[nodiscard]] virtual Result<Attributes> attributes() noexcept = 0;
    /// Of a file without a node: those with one keep them there.
    [[nodiscard]] virtual Status set_attributes(const AttributeChange&) noexcept {
        return fail(Errc::not_supported);
    }
    virtual void dispose() noexcept = 0;

    /// What it was opened for; that never changes.
    [[nodiscard]] bool is_readable() const noexcept { return readable_; }
    [[nodiscard]] bool is_writable() const noexcept { return writable_; }
    [[nodiscard]] bool is_path_only() const noexcept { return path_; }
    [[nodiscard]] bool is_small() const noexcept { return small_; }
    /// The status flags, which fcntl(F_SETFL) and ioctl(FIONBIO) change at any time.
    [[nodiscard]] bool is_appending() const noexcept {
        return append_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_non_blocking() const noexcept {
        return non_blocking_.load(std::memory_order_relaxed);
    }
    void set_append(bool on) noexcept { append_.store(on, std::memory_order_relaxed); }
    void set_non_blocking(bool on) noexcept { non_blocking_.store(on, std::memory_order_relaxed); }
    [[nodiscard]] bool writes_packets() const noexcept {
        return packets_.load(std::memory_order_relaxed);
    }
    void set_packets(bool on) noexcept { packets_.store(on, std::memory_order_relaxed); }
    /// All of it, as open() would ask for it now.
    [[nodiscard]] OpenMode mode() const noexcept {
        return {readable_,        writable_, is_appending(), is_non_blocking(),
                writes_packets(), path_,     small_,         noted_};
    }

    /// There is one watcher at most. Concurrency: the caller holds a reference.
    void watch(FileWatcher& watcher) noexcept {
        watcher_.store(&watcher, std::memory_order_relaxed);  // release() orders it for the last
    }

protected:
    explicit File(OpenMode mode) noexcept
        : readable_(mode.read),
          writable_(mode.write),
          path_(mode.path),
          small_(mode.small),
          append_(mode.append),
          non_blocking_(mode.non_blocking),
          packets_(mode.packets),
          noted_(mode.noted) {}
    ~File() {
        if (FileWatcher* const watcher = watcher_.load(std::memory_order_relaxed)) {
            watcher->file_gone(*this);
        }
    }

private:
    const bool readable_, writable_, path_, small_;
    std::atomic<bool> append_, non_blocking_, packets_;
    const std::uint32_t noted_;
    std::atomic<FileWatcher*> watcher_ = nullptr;
};

}  // namespace kidney::fs
