/// ext2: the root file system, and any other disk's.
///
/// Blocks of 1, 2 and 4 KiB, revisions 0 and 1, sparse files, fast and slow symbolic links. The
/// image is not trusted: every number from it passes Geometry's checks before it is used, and every
/// loop is bounded by a checked number. Layers, from the disk up: format.hpp (bytes), geometry.hpp
/// and inode.hpp (checked values), volume.hpp (blocks, groups and inodes), allocator.hpp and
/// block_tree.hpp (which block is whose), directory.hpp and directory_blocks.hpp (names in blocks),
/// names.hpp and renames.hpp (what happens to names), node.hpp (files for the VFS; fs/disk has most
/// of it), commit.hpp (the way to the disk), this file.
#pragma once

#include "fs/disk/node_table.hpp"
#include "fs/ext2/allocator.hpp"
#include "fs/ext2/block_tree.hpp"
#include "fs/ext2/commit.hpp"
#include "fs/ext2/directory_blocks.hpp"
#include "fs/ext2/names.hpp"
#include "fs/ext2/node.hpp"
#include "fs/ext2/options.hpp"
#include "fs/ext2/pending_frees.hpp"
#include "fs/ext2/renames.hpp"
#include "fs/ext2/volume.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file_clock.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kidney::fs {

/// `Cache` is a PageCache, `Locks` an Ext2Locks. Concurrency: any thread.
template <mm::ObjectAllocator Heap, class Cache, class Locks, FileClock Clock>
class Ext2 final : public FileSystem {
public:
    using Node = ext2::Node<Ext2>;
    using Inode = ext2::Inode;
    using CacheType = Cache;
    using HeapType = Heap;
    using WritingLock = typename Locks::Writing;
    using MetadataLock = typename Locks::Metadata;
    using NodeLock = typename Locks::Nodes;
    static constexpr bool has_holes = true;
    static constexpr std::string_view checker = "e2fsck";  ///< who mends it after a crash

    /// Call mount() before use, and unmount() after it if it can be written.
    Ext2(Heap& heap, Cache& cache, CachedDevice& disk, Clock& clock, Ext2Options options) noexcept
        : heap_(heap), clock_(clock), options_(options), volume_(cache, disk) {}
    /// Of a disk that belongs to nobody else.
    Ext2(Heap& heap, Cache& cache, AnyBlockDevice device, Clock& clock,
         Ext2Options options) noexcept
        : heap_(heap), clock_(clock), options_(options), volume_(cache, device) {}
    ~Ext2() { discard(); }
    Ext2(const Ext2&) = delete;
    Ext2& operator=(const Ext2&) = delete;

    /// Errors: io_error, no_memory, corrupted, not_supported; it may be tried again.
    [[nodiscard]] Status mount() noexcept EXCLUDES(lock_) {
        {
            LockGuard guard(lock_);
            TRY(volume_.load());
        }
        is_read_only_.store(options_.read_only || !volume_.can_be_written());
        Ref<Node> root = TRY(node(ext2::root_inode));
        if (root->type() != NodeType::directory) {
            return fail(Errc::corrupted);
        }
        root_ = std::move(root);
        return {};
    }
    /// Everything goes to the disk, which is marked as clean then. What is still open may be used
    /// further, and marks it as in use again. Errors: io_error, no_memory, busy (programs write
    /// faster than it can).
    [[nodiscard]] Status unmount() noexcept EXCLUDES(lock_) {
        // What was removed is free after the first sync, which the second one writes down; a file
        // whose last reference was the first sync's own takes one more.
        constexpr unsigned most = 8;
        for (unsigned round = 0; round < most; ++round) {
            TRY(sync());
            LockGuard guard(lock_);
            if (!commit_.has_work()) {
                return commit_.mark_clean();
            }
        }
        return fail(Errc::busy);
    }
    /// Forgets what has not gone home.
    void discard() noexcept {
        commit_.discard();
        root_.reset();
        commit_.discard();
        KIDNEY_ASSERT(table_.is_unused());  // somebody still has a file of ours open
    }

    /// Why mount() failed, in words; empty if the disk cannot be read.
    [[nodiscard]] ext2::RefusalText explain_refusal() noexcept { return volume_.explain_refusal(); }
    /// It was in use when the machine lost its power, or has errors: fsck should look at it.
    [[nodiscard]] bool was_clean() const noexcept { return volume_.was_clean(); }

    [[nodiscard]] Ref<Vnode> root() noexcept override { return Ref<Vnode>(root_); }
    [[nodiscard]] FileSystemStatus status() noexcept override {
        const ext2::Geometry& g = volume_.geometry();
        return {.magic = ext2::magic,
                .block_size = g.block_size,
                .blocks = g.block_count,
                .free_blocks = volume_.free_blocks() + table_.promised_blocks() +
                               pending_blocks_.load(std::memory_order_relaxed),
                .nodes = g.inode_count,
                .free_nodes = volume_.free_inodes() + table_.promised_inodes(),
                .read_only = is_read_only()};
    }
    /// Errors: io_error (and the file system is read-only from then on, if metadata could not be
    /// written), no_memory.
    [[nodiscard]] Status sync() noexcept override EXCLUDES(lock_) { return commit_.sync(); }
    [[nodiscard]] const char* type_name() const noexcept override { return "ext2"; }
    [[nodiscard]] bool is_read_only() const noexcept override {
        // relaxed: who changes something looks again under the lock
        return is_read_only_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t max_file_size() const noexcept override {
        return volume_.geometry().max_file_size();
    }

    /// Error also: busy (programs write faster than it can be stored).
    [[nodiscard]] Status remount(bool read_only) noexcept override EXCLUDES(lock_) {
        if (read_only) {
            TRY(unmount());
            become_read_only();
            return {};
        }
        if (!volume_.can_be_written()) {
            return fail(Errc::read_only);
        }
        is_read_only_.store(false, std::memory_order_relaxed);
        return {};
    }
    [[nodiscard]] bool is_in_use() noexcept override {
        return table_.foreign_references() - 1 != mount_count();  // ours to the root
    }

    // Names. Each does one thing under the lock.
    [[nodiscard]] Result<Ref<Node>> find(Node& directory, std::string_view name) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const ext2::Inode inode = directory.inode();
        return inode.links == 0
                   ? Result<Ref<Node>>(fail(Errc::not_found))
                   : node_locked(TRY(directories_.find(inode, directory.index_, name)));
    }
    [[nodiscard]] Result<Ref<Node>> parent_of(Node& directory) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return parent_locked(directory);
    }
    [[nodiscard]] Result<Ref<Node>> create(Node& directory, std::string_view name,
                                           const NewNode& what) noexcept EXCLUDES(lock_) {
        return change([&] { return names_.create(directory, name, what); });
    }
    [[nodiscard]] Result<Ref<Node>> create_unnamed(Node& directory, const NewNode& what,
                                                   bool linkable) noexcept EXCLUDES(lock_) {
        return change([&] { return names_.create_unnamed(directory, what, linkable); });
    }
    [[nodiscard]] Status link(Node& directory, std::string_view name, Node& node) noexcept
        EXCLUDES(lock_) {
        return change([&] { return names_.link(directory, name, node); });
    }
    [[nodiscard]] Status unlink(Node& directory, std::string_view name, Node& node) noexcept
        EXCLUDES(lock_) {
        return change([&] { return names_.unlink(directory, name, node); });
    }
    [[nodiscard]] Status rename(Node& from, const NameMove& move) noexcept EXCLUDES(lock_) {
        return change([&] { return renames_.rename(from, move); });
    }
    [[nodiscard]] Status exchange(Node& from, const NameMove& move) noexcept EXCLUDES(lock_) {
        return change([&] { return renames_.exchange(from, move); });
    }
    /// A cookie is the byte offset of the next entry.
    [[nodiscard]] Status list(Node& directory, std::uint64_t cookie, DirectorySink& sink) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const ext2::Inode inode = directory.inode();
        if (inode.links == 0) {
            return fail(Errc::not_found);
        }
        return directories_.walk(
            inode, cookie,
            [&](std::uint32_t, std::size_t, const ext2::Entry& entry, std::uint64_t base) {
                return entry.inode == 0 ||
                       sink.accept({entry.inode, type_of(entry), entry.name, base + entry.next});
            });
    }
    [[nodiscard]] Result<std::size_t> read_target(Node& link, std::span<char> to) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const ext2::Inode inode = link.inode();
        const std::size_t length = std::min(to.size(), static_cast<std::size_t>(inode.size));
        if (inode.is_fast_symlink) {
            std::memcpy(to.data(), inode.blocks.data(), length);
            return length;
        }
        const std::size_t block_size = volume_.geometry().block_size;
        for (std::size_t at = 0; at < length; at += block_size) {
            const auto block = TRY(tree_.locate(inode, at / block_size));
            const std::size_t part = std::min(block_size, length - at);
            if (block) {
                const auto bytes = TRY(volume_.read_block(*block));
                std::memcpy(to.data() + at, bytes.bytes().data(), part);
            } else {
                std::memset(to.data() + at, 0, part);
            }
        }
        return length;
    }

    // For the nodes. Those that work on the disk's metadata want the lock.
    [[nodiscard]] Heap& heap() noexcept { return heap_; }
    [[nodiscard]] Cache& cache() noexcept { return volume_.cache(); }
    [[nodiscard]] AnyBlockDevice& device() noexcept { return volume_.device(); }
    [[nodiscard]] ext2::Volume<Cache>& volume() noexcept { return volume_; }
    [[nodiscard]] ext2::Allocator<Cache>& allocator() noexcept { return allocator_; }
    [[nodiscard]] ext2::BlockTree<Cache>& tree() noexcept { return tree_; }
    [[nodiscard]] auto& directories() noexcept { return directories_; }
    [[nodiscard]] ext2::PendingFrees& pending() noexcept { return pending_; }
    [[nodiscard]] NodeTable<Node, NodeLock>& table() noexcept { return table_; }
    [[nodiscard]] MetadataLock& lock() noexcept RETURN_CAPABILITY(lock_) { return lock_; }
    [[nodiscard]] std::uint32_t device_number() const noexcept { return options_.device_number; }
    [[nodiscard]] std::uint32_t block_size() const noexcept {
        return volume_.geometry().block_size;
    }
    /// The format counts whole seconds, in 32 bits.
    [[nodiscard]] static FileTime kept(const FileTime& time) noexcept {
        using Limits = std::numeric_limits<std::int32_t>;
        return {std::clamp<std::int64_t>(time.seconds, Limits::min(), Limits::max()), 0};
    }
    [[nodiscard]] FileTime now() noexcept { return kept(clock_()); }
    /// Error: read_only.
    [[nodiscard]] Status check_writable() const noexcept {
        return is_read_only() ? Status(fail(Errc::read_only)) : Status();
    }
    /// Metadata could not be written: what is on the disk stays as it is.
    void become_read_only() noexcept { is_read_only_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] Status check_size(std::uint64_t size) noexcept {
        return size > ext2::Geometry::max_small_size ? volume_.allow_large_files() : Status();
    }
    void note_change(Node& node) noexcept { table_.note_change(node); }
    void touch(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        ext2::Inode inode = node.inode();
        inode.modified = inode.changed = now();
        node.bytes().publish(inode);
        note_change(node);
    }
    /// Where block `index` of a file should be: behind the one before it, or in its group.
    [[nodiscard]] Result<std::uint32_t> goal(const Node& node, const ext2::Inode& inode,
                                             std::uint64_t index) noexcept {
        if (index > 0) {
            if (const auto before = TRY(tree_.locate(inode, index - 1))) {
                return before->value + 1;
            }
        }
        const ext2::Geometry& g = volume_.geometry();
        return node.last_place_ != 0 ? node.last_place_ + 1
                                     : g.first_of_group(g.group_of_inode(node.number()));
    }
    static void note_place(Node& node, ext2::BlockNumber block) noexcept {
        node.last_place_ = block.value;
    }
    /// Blocks [first, end) are the file's no longer, and become free with the next sync. Error:
    /// restart (there are too many pieces: a sync must come first).
    [[nodiscard]] Status remove_blocks(ext2::Inode& inode, std::uint64_t first,
                                       std::uint64_t end = ~std::uint64_t{0}) noexcept {
        const Status removed =
            tree_.remove(inode, first, end, [this](ext2::BlockNumber block) noexcept {
                return pending_.add(block) ? Status() : Status(fail(Errc::restart));
            });
        pending_blocks_.store(pending_.blocks(), std::memory_order_relaxed);
        return removed;
    }
    void note_pending() noexcept {
        pending_blocks_.store(pending_.blocks(), std::memory_order_relaxed);
    }
    /// Undoes the making of an inode that never had a name.
    void give_up(std::uint32_t number, ext2::Inode& inode) noexcept {
        const Status removed = inode.is_fast_symlink
                                   ? Status()
                                   : tree_.remove(inode, 0, ~std::uint64_t{0},
                                                  [this](ext2::BlockNumber block) noexcept {
                                                      volume_.forget_block(block);
                                                      return allocator_.give_block(block);
                                                  });
        ignore_error(removed, "a leak that fsck finds");
        ignore_error(allocator_.give_inode(number, inode.type == NodeType::directory), "likewise");
    }
    void enter(Node& node) noexcept { table_.enter(node); }
    /// The last reference to `node` is gone. No disk is needed here: this may be called anywhere.
    void node_unused(Node& node) noexcept {
        cache().forget(node.bytes());
        if (node.inode().links == 0 && !is_read_only()) {
            table_.add_orphan(node, node.inode().sectors / volume_.sectors_per_block());
        } else {
            destroy(node);
        }
    }
    void destroy(Node& node) noexcept {
        table_.leave(node);
        mm::destroy(heap_, &node);
    }
    /// Does something until it succeeds or a sync does not help it.
    template <class Attempt>
    [[nodiscard]] std::invoke_result_t<Attempt&> repeat(Attempt&& attempt) noexcept
        EXCLUDES(lock_) {
        constexpr unsigned most = 3;  // orphans are free two syncs later
        for (unsigned full = 0;;) {
            auto result = attempt();
            if (result) {
                return result;
            }
            if (result.error() != Errc::restart &&
                (result.error() != Errc::no_space || !is_more_to_come() || full++ == most)) {
                return result;
            }
            TRY(sync());
        }
    }
    [[nodiscard]] Result<Ref<Node>> parent_locked(Node& directory) noexcept {
        if (directory.former_parent_) {
            return directory.former_parent_;
        }
        Ref<Node> up = TRY(node_locked(TRY(directories_.find_parent(directory.inode()))));
        return up->type() == NodeType::directory ? Result<Ref<Node>>(std::move(up))
                                                 : Result<Ref<Node>>(fail(Errc::corrupted));
    }

private:
    template <class Attempt>
    [[nodiscard]] std::invoke_result_t<Attempt&> change(Attempt&& attempt) noexcept
        EXCLUDES(lock_) {
        cache().throttle();
        return repeat([&]() noexcept -> decltype(attempt()) {
            LockGuard guard(lock_);
            TRY(check_writable());
            return attempt();
        });
    }
    [[nodiscard]] bool is_more_to_come() const noexcept {
        return pending_blocks_.load(std::memory_order_relaxed) != 0 || table_.has_orphans() ||
               table_.has_removed();
    }
    [[nodiscard]] Result<Ref<Node>> node(std::uint32_t number) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return node_locked(number);
    }
    /// The one node of inode `number`. Errors: io_error, no_memory, corrupted.
    [[nodiscard]] Result<Ref<Node>> node_locked(std::uint32_t number) noexcept {
        if (Ref<Node> known = table_.find(number)) {
            return known;
        }
        const ext2::Inode inode = TRY(volume_.read_inode(number));
        Ref<Node> fresh = TRY(mm::make_ref<Node>(heap_, *this, number, inode));
        fresh->is_new_ = false;
        fresh->links_until_synced_ = inode.links;
        enter(*fresh);
        return fresh;
    }
    /// Without the feature the type costs a look at the inode; one that cannot be read is listed as
    /// a file, so that the others can still be seen.
    [[nodiscard]] NodeType type_of(const ext2::Entry& entry) noexcept {
        if (entry.type) {
            return *entry.type;
        }
        const auto node = node_locked(entry.inode);
        return node ? (*node)->type() : NodeType::regular;
    }

    Heap& heap_;
    Clock& clock_;
    const Ext2Options options_;
    MetadataLock lock_;  ///< guards all that follows, but for the counts and the table
    ext2::Volume<Cache> volume_;
    ext2::Allocator<Cache> allocator_{volume_};
    ext2::BlockTree<Cache> tree_{volume_, allocator_};
    ext2::DirectoryBlocks<Cache, Heap> directories_{volume_, tree_};
    ext2::PendingFrees pending_;
    ext2::Names<Ext2> names_{*this};
    ext2::Renames<Ext2> renames_{*this};
    NodeTable<Node, NodeLock> table_;
    ext2::Commit<Ext2, typename Locks::Commit> commit_{*this};
    std::atomic<std::uint32_t> pending_blocks_ = 0;
    std::atomic<bool> is_read_only_ = true;
    Ref<Node> root_;
};

}  // namespace kidney::fs
