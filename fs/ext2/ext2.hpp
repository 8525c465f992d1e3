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

#include "fs/disk/disk_file_system.hpp"
#include "fs/disk/file_run.hpp"
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

/// `Cache` is a PageCache, `Locks` a DiskLocks. Concurrency: any thread.
template <mm::ObjectAllocator Heap, class Cache, class Locks, FileClock Clock>
class Ext2 final : public DiskFileSystem<Ext2<Heap, Cache, Locks, Clock>,
                                         ext2::Node<Ext2<Heap, Cache, Locks, Clock>>, Heap, Cache,
                                         Locks, Clock, Ext2Options> {
    using Base = DiskFileSystem<Ext2, ext2::Node<Ext2>, Heap, Cache, Locks, Clock, Ext2Options>;
    friend Base;

public:
    using Node = ext2::Node<Ext2>;
    using Inode = ext2::Inode;
    static constexpr bool has_holes = true;
    static constexpr std::string_view checker = "e2fsck";  ///< who mends it after a crash

    /// Call mount() before use, and unmount() after it if it can be written.
    Ext2(Heap& heap, Cache& cache, CachedDevice& disk, Clock& clock, Ext2Options options) noexcept
        : Base(heap, clock, options), volume_(cache, disk) {}
    /// Of a disk that belongs to nobody else.
    Ext2(Heap& heap, Cache& cache, AnyBlockDevice device, Clock& clock,
         Ext2Options options) noexcept
        : Base(heap, clock, options), volume_(cache, device) {}
    ~Ext2() { this->discard(); }
    Ext2(const Ext2&) = delete;
    Ext2& operator=(const Ext2&) = delete;

    /// Errors: io_error, no_memory, corrupted, not_supported; it may be tried again.
    [[nodiscard]] Status mount() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        TRY(volume_.load());
        is_read_only_.store(options_.read_only || !volume_.can_be_written());
        Ref<Node> root = TRY(node_locked(ext2::root_inode));
        if (root->type() != NodeType::directory) {
            return fail(Errc::corrupted);
        }
        root_ = std::move(root);
        return {};
    }

    /// Why mount() failed, in words; empty if the disk cannot be read.
    [[nodiscard]] ext2::RefusalText explain_refusal() noexcept { return volume_.explain_refusal(); }
    /// It was in use when the machine lost its power, or has errors: fsck should look at it.
    [[nodiscard]] bool was_clean() const noexcept { return volume_.was_clean(); }

    [[nodiscard]] FileSystemStatus status() noexcept override {
        const ext2::Geometry& g = volume_.geometry();
        return {.magic = ext2::magic,
                .block_size = g.block_size,
                .blocks = g.block_count,
                .free_blocks = volume_.free_blocks() + table_.promised_blocks() +
                               pending_blocks_.load(std::memory_order_relaxed),
                .nodes = g.inode_count,
                .free_nodes = volume_.free_inodes() + table_.promised_inodes(),
                .read_only = this->is_read_only()};
    }
    [[nodiscard]] const char* type_name() const noexcept override { return "ext2"; }
    [[nodiscard]] std::uint64_t max_file_size() const noexcept override {
        return volume_.geometry().max_file_size();
    }

    // Names. Each does one thing under the lock.
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
    [[nodiscard]] ext2::Volume<Cache>& volume() noexcept { return volume_; }
    [[nodiscard]] ext2::Allocator<Cache>& allocator() noexcept { return allocator_; }
    [[nodiscard]] ext2::BlockTree<Cache>& tree() noexcept { return tree_; }
    [[nodiscard]] auto& directories() noexcept { return directories_; }
    [[nodiscard]] ext2::PendingFrees& pending() noexcept { return pending_; }
    [[nodiscard]] std::uint32_t block_size() const noexcept {
        return volume_.geometry().block_size;
    }
    /// The format counts whole seconds, in 32 bits.
    [[nodiscard]] static FileTime kept(const FileTime& time) noexcept {
        using Limits = std::numeric_limits<std::int32_t>;
        return {std::clamp<std::int64_t>(time.seconds, Limits::min(), Limits::max()), 0};
    }
    [[nodiscard]] Status check_size(std::uint64_t size) noexcept {
        return size > ext2::Geometry::max_small_size ? volume_.allow_large_files() : Status();
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
    static void note_place(Node& node, FileRun place) noexcept {
        node.last_place_ = place.first + place.count - 1;
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
        if (!inode.is_fast_symlink) {
            const Status removed =
                tree_.remove(inode, 0, ~std::uint64_t{0}, [this](ext2::BlockNumber block) noexcept {
                    allocator_.take_back(block);
                    return Status();
                });
            ignore_error(removed, "a leak that fsck finds");
        }
        allocator_.take_back(number, inode.type == NodeType::directory);
        note_pending();
    }
    /// The last reference to `node` is gone. No disk is needed here: this may be called anywhere.
    void node_unused(Node& node) noexcept {
        this->cache().forget(node.bytes());
        if (node.inode().links == 0 && !this->is_read_only()) {
            table_.add_orphan(node, node.inode().sectors / volume_.sectors_per_block());
        } else {
            this->destroy(node);
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
    using Base::heap_;
    using Base::is_read_only_;
    using Base::lock_;
    using Base::node_locked;
    using Base::options_;
    using Base::root_;
    using Base::table_;

    // For the base.
    [[nodiscard]] auto& commit() noexcept { return commit_; }
    [[nodiscard]] auto& names() noexcept { return names_; }
    [[nodiscard]] auto& renames() noexcept { return renames_; }
    [[nodiscard]] bool can_be_written() noexcept { return volume_.can_be_written(); }
    [[nodiscard]] Status store_all() noexcept { return commit_.sync(); }
    [[nodiscard]] Status finish_unmount() noexcept { return commit_.mark_clean(); }
    [[nodiscard]] bool is_more_to_come() const noexcept {
        return pending_blocks_.load(std::memory_order_relaxed) != 0 || table_.has_orphans() ||
               table_.has_removed();
    }
    [[nodiscard]] Result<Ref<Node>> find_locked(Node& directory, std::string_view name) noexcept {
        return node_locked(TRY(directories_.find(directory.inode(), directory.index_, name)));
    }
    [[nodiscard]] Result<Ref<Node>> load_node(std::uint32_t number) noexcept {
        const ext2::Inode inode = TRY(volume_.read_inode(number));
        Ref<Node> fresh = TRY(mm::make_ref<Node>(heap_, *this, number, inode));
        fresh->is_new_ = false;
        fresh->links_until_synced_ = inode.links;
        this->enter(*fresh);
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

    ext2::Volume<Cache> volume_;
    ext2::PendingFrees pending_;
    ext2::Allocator<Cache> allocator_{volume_, pending_};
    ext2::BlockTree<Cache> tree_{volume_, allocator_};
    ext2::DirectoryBlocks<Cache, Heap> directories_{volume_, tree_};
    ext2::Names<Ext2> names_{*this};
    ext2::Renames<Ext2> renames_{*this};
    ext2::Commit<Ext2, typename Locks::Commit> commit_{*this};
    std::atomic<std::uint32_t> pending_blocks_ = 0;
};

}  // namespace kidney::fs
