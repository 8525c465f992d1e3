/// ext2, read-only: the root file system.
///
/// Blocks of 1, 2 and 4 KiB, revisions 0 and 1, sparse files, fast and slow symbolic links. The
/// image is not trusted: every number from it passes Geometry's checks before it is used, and every
/// loop is bounded by a checked number. Layers, from the disk up: format.hpp (bytes), geometry.hpp
/// and inode.hpp (checked values), volume.hpp (blocks and inodes), node.hpp (files), this file.
#pragma once

#include "fs/ext2/node.hpp"
#include "fs/ext2/volume.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::fs {

/// `Cache` is a PageCache; `Lock` guards the table of nodes. Concurrency: any thread.
template <mm::ObjectAllocator Heap, class Cache, BasicLockable Lock>
class Ext2 final : public FileSystem {
public:
    using Node = ext2::Node<Ext2>;
    using CacheType = Cache;
    using HeapType = Heap;

    /// `device_number` is st_dev. Call mount() before use.
    Ext2(Heap& heap, Cache& cache, CachedDevice& disk, std::uint32_t device_number) noexcept
        : heap_(heap), volume_(cache, disk), device_number_(device_number) {}
    /// Of a disk that belongs to nobody else.
    Ext2(Heap& heap, Cache& cache, AnyBlockDevice device, std::uint32_t device_number) noexcept
        : heap_(heap), volume_(cache, device), device_number_(device_number) {}
    ~Ext2() {
        root_.reset();
        KIDNEY_ASSERT(is_unused());  // somebody still has a file of ours open
    }
    Ext2(const Ext2&) = delete;
    Ext2& operator=(const Ext2&) = delete;

    /// Errors: io_error, no_memory, corrupted, not_supported; it may be tried again.
    [[nodiscard]] Status mount() noexcept {
        TRY(volume_.load());
        Ref<Node> root = TRY(node(ext2::root_inode));
        if (root->type() != NodeType::directory) {
            return fail(Errc::corrupted);
        }
        root_ = std::move(root);
        return {};
    }

    /// Why mount() failed, in words; empty if the disk cannot be read.
    [[nodiscard]] ext2::RefusalText explain_refusal() noexcept { return volume_.explain_refusal(); }

    [[nodiscard]] Ref<Vnode> root() noexcept override { return Ref<Vnode>(root_); }
    [[nodiscard]] FileSystemStatus status() noexcept override {
        const ext2::Geometry& g = volume_.geometry();
        return {.magic = ext2::magic,
                .block_size = g.block_size,
                .blocks = g.block_count,
                .free_blocks = g.free_blocks,
                .nodes = g.inode_count,
                .free_nodes = g.free_inodes,
                .read_only = true};
    }
    [[nodiscard]] Status sync() noexcept override { return {}; }
    [[nodiscard]] const char* type_name() const noexcept override { return "ext2"; }
    [[nodiscard]] bool is_read_only() const noexcept override { return true; }
    [[nodiscard]] std::uint64_t max_file_size() const noexcept override {
        const ext2::Geometry& g = volume_.geometry();
        return g.max_file_blocks() * g.block_size;
    }

    [[nodiscard]] bool is_in_use() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        std::int64_t foreign = -1;  // ours to the root
        for (const Node* bucket : table_) {
            for (const Node* n = bucket; n != nullptr; n = n->next_in_bucket_) {
                foreign += n->references();
            }
        }
        return foreign != mount_count();
    }

    // For the nodes.
    [[nodiscard]] Heap& heap() noexcept { return heap_; }
    [[nodiscard]] Cache& cache() noexcept { return volume_.cache(); }
    [[nodiscard]] ext2::Volume<Cache>& volume() noexcept { return volume_; }
    [[nodiscard]] std::uint32_t device_number() const noexcept { return device_number_; }

    /// The one node of inode `number`. Errors: io_error, no_memory, corrupted.
    [[nodiscard]] Result<Ref<Node>> node(std::uint32_t number) noexcept EXCLUDES(lock_) {
        if (Ref<Node> known = find(number)) {
            return known;
        }
        const ext2::Inode inode = TRY(volume_.read_inode(number));
        const Ref<Node> fresh = TRY(mm::make_ref<Node>(heap_, *this, number, inode));
        return enter(fresh);
    }
    /// The last reference to `node` is gone.
    void node_gone(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (!node.is_in_table_) {
            return;
        }
        Node** at = &table_[node.number() % buckets];
        while (*at != &node) {
            at = &(*at)->next_in_bucket_;
        }
        *at = node.next_in_bucket_;
    }

private:
    static constexpr std::size_t buckets = 256;

    [[nodiscard]] Ref<Node> find(std::uint32_t number) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return find_locked(number);
    }
    /// The table does not own nodes: one whose last reference is gone is passed over.
    [[nodiscard]] Ref<Node> find_locked(std::uint32_t number) noexcept REQUIRES(lock_) {
        for (Node* n = table_[number % buckets]; n != nullptr; n = n->next_in_bucket_) {
            if (n->number() == number && n->try_retain()) {
                return Ref<Node>::adopt(n);
            }
        }
        return nullptr;
    }
    /// Enters `fresh`, unless another thread was faster: then that one's node counts.
    [[nodiscard]] Ref<Node> enter(const Ref<Node>& fresh) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (Ref<Node> known = find_locked(fresh->number())) {
            return known;
        }
        fresh->is_in_table_ = true;
        fresh->next_in_bucket_ = std::exchange(table_[fresh->number() % buckets], fresh.get());
        return fresh;
    }
    [[nodiscard]] bool is_unused() const noexcept KIDNEY_NO_TSA("nobody else is left")
    {
        for (const Node* n : table_) {
            if (n != nullptr) {
                return false;
            }
        }
        return true;
    }

    Heap& heap_;
    ext2::Volume<Cache> volume_;
    const std::uint32_t device_number_;
    Lock lock_;
    std::array<Node*, buckets> table_ GUARDED_BY(lock_){};
    Ref<Node> root_;
};

}  // namespace kidney::fs
