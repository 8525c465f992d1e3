/// kfs, our journaled file system (format: docs/spec/kfs.md; reasons: docs/decisions/0033).
///
/// After any loss of power the next mount() finds the file system as it was after some operation,
/// and no older than at the last sync(). Layers, from the disk up: format.hpp (bytes), log.hpp (the
/// ring), transaction.hpp (what changed), volume.hpp (blocks and inodes), extents.hpp (which block
/// is whose), directory.hpp and names.hpp (names), file_data.hpp (bytes of files), node.hpp (files
/// for the VFS), commit.hpp (the way to the disk), this file.
#pragma once

#include "fs/disk/disk_file_system.hpp"
#include "fs/disk/file_run.hpp"
#include "fs/kfs/commit.hpp"
#include "fs/kfs/directory.hpp"
#include "fs/kfs/extents.hpp"
#include "fs/kfs/file_data.hpp"
#include "fs/kfs/names.hpp"
#include "fs/kfs/node.hpp"
#include "fs/kfs/options.hpp"
#include "fs/kfs/orphans.hpp"
#include "fs/kfs/refusal.hpp"
#include "fs/kfs/volume.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file_clock.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kidney::fs {

/// `Cache` is a PageCache, `Locks` a DiskLocks. Concurrency: any thread.
template <mm::ObjectAllocator Heap, class Cache, class Locks, FileClock Clock>
class Kfs final : public DiskFileSystem<Kfs<Heap, Cache, Locks, Clock>,
                                        kfs::Node<Kfs<Heap, Cache, Locks, Clock>>, Heap, Cache,
                                        Locks, Clock, KfsOptions> {
    using Base = DiskFileSystem<Kfs, kfs::Node<Kfs>, Heap, Cache, Locks, Clock, KfsOptions>;
    friend Base;

public:
    using Node = kfs::Node<Kfs>;
    using Inode = kfs::Inode;
    using Bytes = FileBytes<Kfs>;
    using Step = typename kfs::Volume<Cache, Heap>::Step;
    static constexpr bool has_holes = true;
    static constexpr bool tracks_bytes = true;
    static constexpr std::uint32_t magic = kfs::Superblock::right_magic;

    /// Call mount() before use, and unmount() after it if it can be written.
    Kfs(Heap& heap, Cache& cache, CachedDevice& disk, Clock& clock, KfsOptions options) noexcept
        : Base(heap, clock, options), volume_(heap, cache, disk) {}
    /// Of a disk that belongs to nobody else.
    Kfs(Heap& heap, Cache& cache, AnyBlockDevice device, Clock& clock, KfsOptions options) noexcept
        : Base(heap, clock, options), volume_(heap, cache, device) {}
    ~Kfs() { this->discard(); }
    Kfs(const Kfs&) = delete;
    Kfs& operator=(const Kfs&) = delete;

    /// Recovery included: what a loss of power has interrupted is finished or undone, also if it is
    /// mounted read-only. Errors: io_error, no_memory, corrupted, not_supported; it may be tried
    /// again.
    [[nodiscard]] Status mount() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        TRY(volume_.load(static_cast<std::uint64_t>(kfs::nanoseconds_of(this->now()))));
        const bool is_writable =
            volume_.geometry().can_be_written && !this->device().is_read_only();
        is_read_only_.store(options_.read_only || !is_writable);
        if (is_writable) {
            TRY(orphans_.free_all());
        }
        Ref<Node> root = TRY(node_locked(kfs::root_inode));
        if (root->type() != NodeType::directory) {
            return volume_.wrong("root.mode", 0);
        }
        root_ = std::move(root);
        return {};
    }
    /// Everything goes home; nothing is left to recover. What is still open may be used further.
    /// Errors: io_error, no_memory, busy (programs write faster than it can).
    [[nodiscard]] Status unmount() noexcept EXCLUDES(lock_) {
        return this->is_read_only() && !volume_.log().is_broken() ? Status() : Base::unmount();
    }

    /// Why mount() failed, in words; empty if the disk cannot be read.
    [[nodiscard]] kfs::RefusalText explain_refusal() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return kfs::explain_refusal(volume_.complaint());
    }
    /// What was found to be wrong on the disk: the field and its value.
    [[nodiscard]] kfs::Complaint complaint() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return volume_.complaint();
    }

    [[nodiscard]] FileSystemStatus status() noexcept override {
        const kfs::Geometry& g = volume_.geometry();
        return {.magic = magic,
                .block_size = kfs::block_size,
                .blocks = g.data_blocks(),
                .free_blocks = volume_.free_blocks() + table_.promised_blocks(),
                .nodes = g.inode_count - 1,
                .free_nodes = volume_.free_inodes() + table_.promised_inodes(),
                .read_only = this->is_read_only()};
    }
    [[nodiscard]] const char* type_name() const noexcept override { return "kfs"; }
    [[nodiscard]] std::uint64_t max_file_size() const noexcept override {
        return kfs::max_file_size;
    }

    // Names. Each does one thing under the lock.
    [[nodiscard]] Status list(Node& directory, std::uint64_t cookie, DirectorySink& sink) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return names_.list(directory, cookie, sink);
    }
    [[nodiscard]] Result<std::size_t> read_target(Node& link, std::span<char> to) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return kfs::read_target(volume_, tree_, link.inode(), to);
    }

    // For the nodes and their parts. Those that work on the disk's metadata want the lock.
    [[nodiscard]] kfs::Volume<Cache, Heap>& volume() noexcept { return volume_; }
    [[nodiscard]] kfs::Extents<Cache, Heap>& tree() noexcept { return tree_; }
    [[nodiscard]] kfs::Directories<Cache, Heap>& directories() noexcept { return directories_; }
    [[nodiscard]] kfs::Orphans<Cache, Heap>& orphans() noexcept { return orphans_; }
    [[nodiscard]] kfs::FileData<Kfs>& data() noexcept { return data_; }
    [[nodiscard]] static constexpr std::uint32_t block_size() noexcept { return kfs::block_size; }
    /// The years that 64 bits of nanoseconds reach.
    [[nodiscard]] static FileTime kept(const FileTime& time) noexcept {
        return kfs::time_of(kfs::nanoseconds_of(time));
    }
    /// Its inode differs from the one on the disk.
    void note_change(Node& node) noexcept {
        if (!node.is_heavy_ && node.inode().revision != node.stored_revision_ &&
            !node.is_heavy_.exchange(true)) {
            volume_.promise(room_for_inode);
        }
        table_.note_change(node);
    }
    void note_logged(Node& node) noexcept { table_.note_logged(node); }
    /// Where block `index` of a file should be: behind the one before it, or behind what was
    /// written last.
    [[nodiscard]] Result<std::uint32_t> goal(const Node& node, const Inode& inode,
                                             std::uint64_t index) noexcept {
        if (index > 0) {
            if (const auto before = TRY(tree_.locate(inode, index - 1))) {
                return before->value + 1;
            }
        }
        return node.last_place_ != 0 ? node.last_place_ + 1 : volume_.next_block();
    }
    static void note_place(Node& node, FileRun place) noexcept {
        node.last_place_ = place.first + place.count - 1;
    }
    /// Blocks [first, end) are the file's no longer. Error: restart (not all of it is done; what is
    /// left belongs to the file still).
    [[nodiscard]] Status remove_blocks(Inode& inode, std::uint64_t first,
                                       std::uint64_t end = ~std::uint64_t{0}) noexcept {
        const Status removed = tree_.remove(inode, first, end);
        if (!removed && end == ~std::uint64_t{0}) {
            inode.size = std::max(inode.size, TRY(tree_.end(inode)) * kfs::block_size);
        }
        return removed;
    }
    [[nodiscard]] Status check_room() noexcept {
        return volume_.has_log_room() ? Status() : Status(fail(Errc::restart));
    }
    [[nodiscard]] Status make_room() noexcept EXCLUDES(lock_) {
        {
            LockGuard guard(lock_);
            if (volume_.has_log_room()) {
                return {};
            }
        }
        return commit_.sync(true);
    }
    void note_bytes(Bytes& bytes, const Inode& inode, const ChangedBytes& changed) noexcept {
        data_.note_bytes(bytes, inode, changed);
    }
    static void note_cut(Node& node, const Inode& inode) noexcept {
        const std::uint64_t kept = (inode.size + kfs::block_size - 1) / kfs::block_size;
        node.committed_size_ = std::min(node.committed_size_, kept * kfs::block_size);
    }
    template <class Unmap>
    [[nodiscard]] Status store_bytes(Bytes& bytes, std::uint32_t first,
                                     std::span<const StoredPage> pages, Unmap&& unmap) noexcept {
        return data_.store_bytes(bytes, first, pages, unmap);
    }
    /// Into the transaction; publish() shows it when all that belongs to it has succeeded.
    [[nodiscard]] Status put(Node& node, const Inode& inode) noexcept {
        return volume_.put_inode(node.number(), inode.raw());
    }
    void publish(Node& node, const Inode& inode) noexcept {
        node.bytes().publish(inode);
        node.stored_revision_ = inode.revision;
    }
    /// The last reference to `node` is gone. No disk is needed here: this may be called anywhere.
    void node_unused(Node& node) noexcept {
        this->cache().forget(node.bytes());
        if (node.is_in_table_ && node.inode().links == 0 && !this->is_read_only()) {
            table_.add_orphan(node, node.inode().sectors / Inode::sectors_per_block);
        } else {
            this->destroy(node);
        }
    }
    [[nodiscard]] Result<Ref<Node>> parent_locked(Node& directory) noexcept {
        if (directory.former_parent_) {
            return directory.former_parent_;
        }
        const std::uint32_t number = directory.inode().parent;
        Ref<Node> up = TRY(node_locked(number));
        return up->type() == NodeType::directory ? Result<Ref<Node>>(std::move(up))
                                                 : volume_.wrong("inode.parent", number);
    }

private:
    using Base::heap_;
    using Base::is_read_only_;
    using Base::lock_;
    using Base::node_locked;
    using Base::options_;
    using Base::root_;
    using Base::table_;

    static constexpr std::uint32_t room_for_inode =
        sizeof(kfs::RawInode) + 4 * sizeof(kfs::RecordHeader);

    // For the base.
    [[nodiscard]] auto& commit() noexcept { return commit_; }
    [[nodiscard]] auto& names() noexcept { return names_; }
    [[nodiscard]] auto& renames() noexcept { return names_; }
    [[nodiscard]] bool can_be_written() noexcept {
        return volume_.geometry().can_be_written && !this->device().is_read_only() &&
               !volume_.log().is_broken();
    }
    [[nodiscard]] Status store_all() noexcept { return commit_.sync(true); }
    [[nodiscard]] static Status finish_unmount() noexcept { return {}; }
    [[nodiscard]] bool is_more_to_come() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return !volume_.withheld().is_empty() || table_.has_orphans() || table_.has_changed();
    }
    [[nodiscard]] Result<Ref<Node>> find_locked(Node& directory, std::string_view name) noexcept {
        return node_locked(TRY(directories_.find(directory.inode(), directory.index_, name)).inode);
    }
    [[nodiscard]] Result<Ref<Node>> load_node(std::uint32_t number) noexcept {
        const Inode inode = TRY(volume_.read_inode(number));
        if (inode.links == 0) {
            return volume_.wrong("inode.links", number);
        }
        Ref<Node> fresh = TRY(mm::make_ref<Node>(heap_, *this, number, inode));
        this->enter(*fresh);
        return fresh;
    }

    kfs::Volume<Cache, Heap> volume_;
    kfs::Extents<Cache, Heap> tree_{volume_};
    kfs::Directories<Cache, Heap> directories_{volume_, tree_};
    kfs::Orphans<Cache, Heap> orphans_{volume_, tree_};
    kfs::Names<Kfs> names_{*this};
    kfs::FileData<Kfs> data_{*this, std::min(options_.few_sectors, kfs::most_few_sectors)};
    kfs::Commit<Kfs, typename Locks::Commit> commit_{*this};
};

}  // namespace kidney::fs
