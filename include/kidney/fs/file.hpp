/// `File`, an open file description: what a descriptor of a program leads to.
///
/// A virtual interface with a default for every operation, as `Vnode`.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/attributes.hpp"
#include "kidney/fs/mount.hpp"
#include "kidney/fs/node_path.hpp"
#include "kidney/fs/transfer.hpp"
#include "kidney/fs/vnode.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::fs {

class TextOutput;   // fs/procfs/text.hpp
class SplicePipe;   // kidney/fs/splice_pipe.hpp
class SocketCalls;  // kidney/fs/socket.hpp

enum class Whence : std::uint8_t { start, current, end, data, hole };

/// Readiness of a File, for poll; or what of it may have changed.
struct Readiness {
    bool readable = false, writable = false, hung_up = false, error = false;
    bool peer_closed = false;  ///< the other side sends nothing any more (POLLRDHUP)
    bool urgent = false;       ///< something out of the ordinary is there (POLLPRI)

    [[nodiscard]] static constexpr Readiness all() noexcept {
        return {true, true, true, true, true, true};
    }
};

/// Somebody who waits for a File to become ready (kidney/fs/poll.hpp).
class PollWaiter;

class EventSet;  // fs/event/event_item.hpp

/// Somebody who keeps something in the name of an open file, and must hear that it is gone.
class FileWatcher {
public:
    /// The last reference is gone, and the file about to be disposed of. May sleep.
    virtual void file_gone(File& file) noexcept = 0;

protected:
    ~FileWatcher() = default;
};

/// By which name an open file was found; `name` is null until somebody asks.
struct FoundName {
    Ref<Vnode> directory{};
    Ref<NodePath> name{};
    std::uint32_t lost_names = 0;  ///< of the node, when it was true
    bool is_gone = false;          ///< not true any more
};

/// An open file description: what dup() and fork() share.
///   D1 read() and write() move the position by what they moved, and begin where it is
///   D2 read_at(), write_at() and append() leave the position alone; with O_APPEND every write
///      goes to the end
///   D3 what it was not opened for is bad_descriptor, whatever the node would allow
///   D4 seek() answers the new position; behind the end is allowed, before the start is
///      invalid_argument and changes nothing
///   D5 read_directory() continues where the last call ended, and seek(0) begins again
/// Those without positions (pipes, terminals) answer not_seekable to D2 and D4. Concurrency: any
/// thread.
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
    /// The bytes become zeros, which need no room: of files that are no regular ones, of which the
    /// node does it. Errors: not_supported, and the file's own.
    [[nodiscard]] virtual Status punch_hole(std::uint64_t, std::uint64_t /*length*/) noexcept {
        return fail(Errc::not_supported);
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
    /// Is there anything to wait for, or is it ready at any time (EPERM of epoll_ctl)?
    [[nodiscard]] virtual bool is_pollable() noexcept {
        const Vnode* const node = vnode();
        return node == nullptr || node->type() == NodeType::character ||
               node->type() == NodeType::fifo || node->type() == NodeType::socket;
    }
    /// What /proc/PID/fd calls a file without a node; behind a ':' comes its inode number.
    [[nodiscard]] virtual std::string_view label() const noexcept { return "pipe:"; }
    /// What /proc/PID/fdinfo says of it besides: whole lines.
    virtual void describe(TextOutput&) noexcept {}
    /// Null: it is no set of files whose readiness is awaited (epoll).
    [[nodiscard]] virtual EventSet* event_set() noexcept { return nullptr; }
    /// Its pipe, or null (everything else).
    [[nodiscard]] virtual SplicePipe* pipe() noexcept { return nullptr; }
    /// What it can do as a socket, or null (everything else).
    [[nodiscard]] virtual SocketCalls* socket() noexcept { return nullptr; }
    /// The object behind it, or null (pipes and sockets).
    [[nodiscard]] virtual Vnode* vnode() noexcept { return nullptr; }
    /// The mount in which it was opened; null for what has no name.
    [[nodiscard]] Mount* mount() const noexcept { return mount_.get(); }
    /// Once, by who opens it. `writes`: the mount's begin_writing() has succeeded for it.
    void set_mount(Ref<Mount> mount, bool writes) noexcept {
        mount_ = std::move(mount);
        writes_mount_ = writes;
    }
    /// Set by who opens it; after that only the listener to changes reads and changes it, under
    /// its lock.
    [[nodiscard]] FoundName& found() noexcept { return found_; }
    /// Of what it lives in. Files without a node live in nothing that has a size.
    [[nodiscard]] virtual FileSystemStatus file_system_status() noexcept {
        constexpr std::uint32_t anonymous = 0x0904'1934;
        Vnode* const node = vnode();
        return node == nullptr ? FileSystemStatus{.magic = anonymous}
                               : node->file_system().status();
    }
    /// fsync(2). Errors: io_error (also, once, when data could not be stored since the file was
    /// opened or this was last called), invalid_argument (there is nothing that could be stored).
    [[nodiscard]] virtual Status sync() noexcept {
        Vnode* const node = vnode();
        if (node == nullptr || node->type() == NodeType::character ||
            node->type() == NodeType::fifo) {
            return fail(Errc::invalid_argument);
        }
        const Status stored = node->sync();
        return tell_errors(stored, node->write_errors());
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
    [[nodiscard]] bool is_synchronous() const noexcept { return synchronous_; }
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
        return {readable_, writable_,    is_appending(), is_non_blocking(), writes_packets(), path_,
                small_,    synchronous_, noted_};
    }

    /// There is one watcher of each kind at most. Concurrency: the caller holds a reference, and
    /// sees to it that two do not set one of a kind at once.
    enum class WatchFor : std::uint8_t { locks, events, changes };
    void watch(FileWatcher& watcher, WatchFor what) noexcept {
        slot(what).store(&watcher, std::memory_order_release);
    }
    [[nodiscard]] FileWatcher* watcher(WatchFor what) noexcept {
        return slot(what).load(std::memory_order_acquire);
    }
    /// Ref calls it before dispose().
    void last_reference_gone() noexcept {
        for (std::atomic<FileWatcher*>& slot : watchers_) {
            // relaxed: release() orders it for the last
            if (FileWatcher* const watcher = slot.load(std::memory_order_relaxed)) {
                watcher->file_gone(*this);
            }
        }
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
          synchronous_(mode.synchronous),
          noted_(mode.noted) {}
    /// What sync() answers: `stored`, or that `count` errors are more than this file has told of.
    [[nodiscard]] Status tell_errors(Status stored, std::uint32_t count) noexcept {
        // relaxed: who sees the count has seen the error
        const bool is_news = told_errors_.exchange(count, std::memory_order_relaxed) != count;
        return stored && is_news ? Status(fail(Errc::io_error)) : stored;
    }
    /// Those before it was opened are not its.
    void skip_errors(std::uint32_t count) noexcept {
        told_errors_.store(count, std::memory_order_relaxed);
    }
    ~File() {
        if (writes_mount_) {
            mount_->end_writing();
        }
    }

private:
    [[nodiscard]] std::atomic<FileWatcher*>& slot(WatchFor what) noexcept {
        return watchers_[static_cast<std::size_t>(what)];
    }

    const bool readable_, writable_, path_, small_;
    bool writes_mount_ = false;
    std::atomic<bool> append_, non_blocking_, packets_;
    const bool synchronous_;
    const std::uint32_t noted_;
    std::atomic<std::uint32_t> told_errors_ = 0;
    std::array<std::atomic<FileWatcher*>, 3> watchers_{};
    FoundName found_;
    Ref<Mount> mount_;
};

}  // namespace kidney::fs
