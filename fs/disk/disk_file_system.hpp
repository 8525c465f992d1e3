/// What file systems on disks have in common: their locks, their nodes in memory, the way in and
/// out of a change, and what a mount asks of them.
#pragma once

#include "fs/disk/disk_locks.hpp"
#include "fs/disk/node_table.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/attributes.hpp"
#include "kidney/fs/file_clock.hpp"
#include "kidney/fs/file_system.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <atomic>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kidney::fs {

/// `Self` derives from it; `NodeType` is a DiskNode of it, `Cache` a PageCache, `Locks` a
/// DiskLocks; `Options` has device_number and read_only. Of `Self` is asked:
///   volume(), commit()         the disk, and the way to it
///   names(), renames()         what happens to names
///   can_be_written()           the format and the device allow it
///   store_all()                a sync after which free space is free
///   finish_unmount()           the last thing, under the lock
///   is_more_to_come()          a sync may bring free space
///   find_locked(directory, name), load_node(number)  what is there, under the lock
///   kept(time)                 a time as the format keeps it
///   node_unused(node)          the last reference to it is gone
/// Concurrency: any thread.
template <class Self, class NodeClass, mm::ObjectAllocator Heap, class Cache, class Locks,
          FileClock Clock, class Options>
class DiskFileSystem : public FileSystem {
public:
    using Node = NodeClass;
    using CacheType = Cache;
    using HeapType = Heap;
    using WritingLock = typename Locks::Writing;
    using MetadataLock = typename Locks::Metadata;
    using NodeLock = typename Locks::Nodes;
    using Table = NodeTable<Node, NodeLock>;

    DiskFileSystem(const DiskFileSystem&) = delete;
    DiskFileSystem& operator=(const DiskFileSystem&) = delete;

    /// Everything goes to the disk, which needs no recovery then. What is still open may be used
    /// further. Errors: io_error, no_memory, busy (programs write faster than it can).
    [[nodiscard]] Status unmount() noexcept EXCLUDES(lock_) {
        // What was removed is free after the first sync, which the second one writes down; a file
        // whose last reference was the first sync's own takes one more.
        constexpr unsigned most = 8;
        for (unsigned round = 0; round < most; ++round) {
            TRY(self().store_all());
            LockGuard guard(lock_);
            if (!self().commit().has_work()) {
                return self().finish_unmount();
            }
        }
        return fail(Errc::busy);
    }
    /// Forgets what has not gone home.
    void discard() noexcept {
        self().commit().discard();
        root_.reset();
        self().commit().discard();
        KIDNEY_ASSERT(table_.is_unused());  // somebody still has a file of ours open
    }

    [[nodiscard]] Ref<Vnode> root() noexcept override { return Ref<Vnode>(root_); }
    /// Errors: io_error (and the file system is read-only from then on, if metadata could not be
    /// written), no_memory.
    [[nodiscard]] Status sync() noexcept override EXCLUDES(lock_) { return self().commit().sync(); }
    [[nodiscard]] bool is_read_only() const noexcept override {
        // relaxed: who changes something looks again under the lock
        return is_read_only_.load(std::memory_order_relaxed);
    }
    /// Error also: busy (programs write faster than it can be stored).
    [[nodiscard]] Status remount(bool read_only) noexcept override EXCLUDES(lock_) {
        if (read_only) {
            TRY(self().unmount());
            become_read_only();
            return {};
        }
        if (!self().can_be_written()) {
            return fail(Errc::read_only);
        }
        is_read_only_.store(false, std::memory_order_relaxed);
        return {};
    }
    [[nodiscard]] bool is_in_use() noexcept override {
        return table_.foreign_references() - 1 != idle_references();  // ours to the root
    }

    // Names. Each does one thing under the lock.
    [[nodiscard]] Result<Ref<Node>> find(Node& directory, std::string_view name) noexcept
        EXCLUDES(lock_) {
        return repeat([&]() noexcept -> Result<Ref<Node>> {
            LockGuard guard(lock_);
            return directory.inode().links == 0 ? Result<Ref<Node>>(fail(Errc::not_found))
                                                : self().find_locked(directory, name);
        });
    }
    [[nodiscard]] Result<Ref<Node>> parent_of(Node& directory) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return self().parent_locked(directory);
    }
    [[nodiscard]] Result<Ref<Node>> create(Node& directory, std::string_view name,
                                           const NewNode& what) noexcept EXCLUDES(lock_) {
        return change([&] { return self().names().create(directory, name, what); });
    }
    /// Where the format has files without a name.
    template <class Fs = Self>
        requires requires(Fs& fs, Node& node) { fs.names().create_unnamed(node, NewNode(), true); }
    [[nodiscard]] Result<Ref<Node>> create_unnamed(Node& directory, const NewNode& what,
                                                   bool linkable) noexcept EXCLUDES(lock_) {
        return change([&] { return self().names().create_unnamed(directory, what, linkable); });
    }
    /// Where the format has several names of a file.
    template <class Fs = Self>
        requires requires(Fs& fs, Node& node) { fs.names().link(node, "", node); }
    [[nodiscard]] Status link(Node& directory, std::string_view name, Node& node) noexcept
        EXCLUDES(lock_) {
        return change([&] { return self().names().link(directory, name, node); });
    }
    [[nodiscard]] Status unlink(Node& directory, std::string_view name, Node& node) noexcept
        EXCLUDES(lock_) {
        return change([&] { return self().names().unlink(directory, name, node); });
    }
    [[nodiscard]] Status rename(Node& from, const NameMove& move) noexcept EXCLUDES(lock_) {
        return change([&] { return self().renames().rename(from, move); });
    }
    [[nodiscard]] Status exchange(Node& from, const NameMove& move) noexcept EXCLUDES(lock_) {
        return change([&] { return self().renames().exchange(from, move); });
    }

    // For the nodes. Those that work on the disk's metadata want the lock.
    [[nodiscard]] Heap& heap() noexcept { return heap_; }
    [[nodiscard]] Cache& cache() noexcept { return self().volume().cache(); }
    [[nodiscard]] auto& device() noexcept { return self().volume().device(); }
    [[nodiscard]] Table& table() noexcept { return table_; }
    [[nodiscard]] MetadataLock& lock() noexcept RETURN_CAPABILITY(lock_) { return lock_; }
    [[nodiscard]] std::uint32_t device_number() const noexcept { return options_.device_number; }
    [[nodiscard]] FileTime now() noexcept { return Self::kept(clock_()); }
    /// Error: read_only.
    [[nodiscard]] Status check_writable() const noexcept {
        return is_read_only() ? Status(fail(Errc::read_only)) : Status();
    }
    /// What had to be written could not be: what is on the disk stays as it is.
    void become_read_only() noexcept { is_read_only_.store(true, std::memory_order_relaxed); }
    /// Error: as the format has it, for a file that shall be so large.
    [[nodiscard]] static Status check_size(std::uint64_t) noexcept { return {}; }
    /// Error: restart (a sync must come before a change).
    [[nodiscard]] static Status check_room() noexcept { return {}; }
    /// Its inode differs from the one on the disk.
    void note_change(Node& node) noexcept { table_.note_change(node); }
    /// Its bytes or names have changed.
    void touch(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        auto inode = node.inode();
        inode.modified = inode.changed = now();
        node.bytes().publish(inode);
        self().note_change(node);
    }
    void enter(Node& node) noexcept { table_.enter(node); }
    void destroy(Node& node) noexcept {
        table_.leave(node);
        mm::destroy(heap_, &node);
    }
    /// Does something until it succeeds or a sync does not help it: what is restored then is room
    /// in a log, space that was removed, or memory that only changed pages held.
    template <class Attempt>
    [[nodiscard]] std::invoke_result_t<Attempt&> repeat(Attempt&& attempt) noexcept
        EXCLUDES(lock_) {
        constexpr unsigned most = 3;  // orphans are free two syncs later
        for (unsigned full = 0;;) {
            auto result = attempt();
            if (result) {
                return result;
            }
            const Errc error = result.error();
            const bool is_better_after_sync =
                error == Errc::restart ||
                (error == Errc::no_space && self().is_more_to_come() && full++ < most) ||
                (error == Errc::no_memory && cache().counts().dirty != 0 && full++ < 1);
            if (!is_better_after_sync) {
                return result;
            }
            TRY(self().store_all());
        }
    }

protected:
    DiskFileSystem(Heap& heap, Clock& clock, const Options& options) noexcept
        : heap_(heap), clock_(clock), options_(options) {}
    ~DiskFileSystem() = default;

    /// The one node of inode `number`. Errors: io_error, no_memory, corrupted.
    [[nodiscard]] Result<Ref<Node>> node_locked(std::uint32_t number) noexcept {
        if (Ref<Node> known = table_.find(number)) {
            return known;
        }
        return self().load_node(number);
    }
    template <class Attempt>
    [[nodiscard]] std::invoke_result_t<Attempt&> change(Attempt&& attempt) noexcept
        EXCLUDES(lock_) {
        cache().throttle();
        return repeat([&]() noexcept -> decltype(attempt()) {
            LockGuard guard(lock_);
            TRY(check_writable());
            TRY(self().check_room());
            return attempt();
        });
    }

    Heap& heap_;
    Clock& clock_;
    const Options options_;
    MetadataLock lock_;  ///< guards what is on the disk but the bytes of files
    Table table_;
    std::atomic<bool> is_read_only_ = true;
    Ref<Node> root_;

private:
    [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }
};

}  // namespace kidney::fs
