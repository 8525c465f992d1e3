/// FAT12, FAT16 and FAT32, read and written, with long names.
///
/// The image is not trusted: every number from it passes Geometry's checks before it is used, and
/// every chain is bounded and found out if it runs in a circle or into another file. Layers, from
/// the disk up: format.hpp (bytes), geometry.hpp (checked values), volume.hpp (sectors), table.hpp
/// and clusters.hpp (which cluster is whose), text/ (names and times as they are written),
/// slots.hpp and directory.hpp (names in slots), names.hpp and renames.hpp (what happens to names),
/// node.hpp (files for the VFS; fs/disk has most of it), commit.hpp (the way to the disk), this
/// file.
#pragma once

#include "fs/disk/disk_file_system.hpp"
#include "fs/disk/file_run.hpp"
#include "fs/fat/clusters.hpp"
#include "fs/fat/commit.hpp"
#include "fs/fat/directory.hpp"
#include "fs/fat/file_clusters.hpp"
#include "fs/fat/moved_nodes.hpp"
#include "fs/fat/names.hpp"
#include "fs/fat/node.hpp"
#include "fs/fat/options.hpp"
#include "fs/fat/renames.hpp"
#include "fs/fat/text/stamps.hpp"
#include "fs/fat/volume.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file_clock.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kidney::fs {

/// `Cache` is a PageCache, `Locks` a DiskLocks. Concurrency: any thread.
template <mm::ObjectAllocator Heap, class Cache, class Locks, FileClock Clock>
class Fat final : public DiskFileSystem<Fat<Heap, Cache, Locks, Clock>,
                                        fat::Node<Fat<Heap, Cache, Locks, Clock>>, Heap, Cache,
                                        Locks, Clock, FatOptions> {
    using Base = DiskFileSystem<Fat, fat::Node<Fat>, Heap, Cache, Locks, Clock, FatOptions>;
    friend Base;

public:
    using Node = fat::Node<Fat>;
    using Inode = fat::BasicInode<fat::Chain<Heap>>;
    using Nodes = typename Base::Table;
    static constexpr bool has_holes = false;
    static constexpr std::string_view checker = "fsck.fat";  ///< who mends it after a crash

    /// Call mount() before use, and unmount() after it if it can be written.
    Fat(Heap& heap, Cache& cache, CachedDevice& disk, Clock& clock, FatOptions options) noexcept
        : Base(heap, clock, options), volume_(cache, disk) {}
    /// Of a disk that belongs to nobody else.
    Fat(Heap& heap, Cache& cache, AnyBlockDevice device, Clock& clock, FatOptions options) noexcept
        : Base(heap, clock, options), volume_(cache, device) {}
    ~Fat() { this->discard(); }
    Fat(const Fat&) = delete;
    Fat& operator=(const Fat&) = delete;

    /// Reads the whole table once. Errors: io_error, no_memory, corrupted, not_supported; it may be
    /// tried again.
    [[nodiscard]] Status mount() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        TRY(volume_.load());
        TRY(clusters_.load());
        const std::uint32_t root = volume_.geometry().root_cluster;
        Inode inode;
        inode.type = NodeType::directory;
        const fat::ChainStart start{root, root == 0 ? 0 : fat::ChainStart::to_the_end};
        Ref<Node> node = TRY(mm::make_ref<Node>(heap_, *this, inode, start, fat::EntryPlace{},
                                                Node::root_number, Node::root_number));
        node->is_new_ = false;
        table_.enter(*node);
        if (const Status loaded = clusters_.load(node->chain()); !loaded) {
            volume_.refusal().assign("the chain of its root directory is damaged");
            return loaded;
        }
        is_read_only_.store(options_.read_only || !volume_.can_be_written());
        root_ = std::move(node);
        return {};
    }
    /// Forgets what has not gone home.
    void discard() noexcept {
        Base::discard();
        clusters_.clear();
    }

    /// Why mount() failed, in words; empty if the disk cannot be read.
    [[nodiscard]] fat::RefusalText explain_refusal() noexcept { return volume_.refusal(); }
    /// It was in use when the machine lost its power, or has errors: fsck should look at it.
    [[nodiscard]] bool was_clean() const noexcept { return volume_.was_clean(); }

    [[nodiscard]] FileSystemStatus status() noexcept override {
        constexpr std::uint32_t magic = 0x4d44;
        const fat::Geometry& g = volume_.geometry();
        return {.magic = magic,
                .block_size = g.cluster_size,
                .blocks = g.clusters,
                .free_blocks = std::min(
                    g.clusters, volume_.free_clusters() + table_.promised_blocks() + excess()),
                .read_only = this->is_read_only()};
    }
    [[nodiscard]] const char* type_name() const noexcept override { return "vfat"; }
    [[nodiscard]] std::uint64_t max_file_size() const noexcept override { return 0xFFFF'FFFF; }
    [[nodiscard]] bool names_are_exact() const noexcept override { return false; }
    [[nodiscard]] bool is_in_use() noexcept override {
        // Ours are that to the root, and those of directories to their parents.
        return table_.foreign_references() - 1 - parents_.load(std::memory_order_relaxed) !=
               this->idle_references();
    }

    // Names. Each does one thing under the lock.
    /// Cookies are 1 behind ".", 2 behind "..", and n + 3 behind slot n.
    [[nodiscard]] Status list(Node& directory, std::uint64_t cookie, DirectorySink& sink) noexcept
        EXCLUDES(lock_) {
        constexpr std::uint32_t dots = 2;
        LockGuard guard(lock_);
        TRY(names_.check_alive(directory));
        const Node& up = directory.parent_ ? *directory.parent_ : directory;
        if (cookie == 0 && !sink.accept({directory.inode_number_, NodeType::directory, ".", 1})) {
            return {};
        }
        if (cookie < dots && !sink.accept({up.inode_number_, NodeType::directory, "..", dots})) {
            return {};
        }
        const auto from = static_cast<std::uint32_t>(std::max<std::uint64_t>(cookie, dots) - dots);
        fat::NarrowName text;
        return entries_.walk(directory, from, [&](const fat::Slot& slot) {
            if (slot.kind != fat::Slot::Kind::entry) {
                return true;
            }
            fat::WideName shown;
            fat::show(slot.raw.name, slot.raw.letters, shown);
            const bool is_text =
                (slot.long_name != nullptr && fat::narrow(slot.long_name->view(), text)) ||
                fat::narrow(shown.view(), text);
            return !is_text || sink.accept({number_at(key_of(slot.place)), slot.type(), text.view(),
                                            std::uint64_t{slot.number} + 1 + dots});
        });
    }

    // For the nodes. Those that work on the disk's metadata want the lock.
    [[nodiscard]] fat::Volume<Cache>& volume() noexcept { return volume_; }
    [[nodiscard]] fat::Clusters<Heap, Cache, Nodes>& clusters() noexcept { return clusters_; }
    [[nodiscard]] fat::FileClusters<Fat>& tree() noexcept { return tree_; }
    [[nodiscard]] fat::Directory<Fat>& entries() noexcept { return entries_; }
    [[nodiscard]] std::uint32_t block_size() const noexcept {
        return volume_.geometry().block_size;
    }
    [[nodiscard]] static FileTime kept(const FileTime& time) noexcept { return fat::kept(time); }
    void touch(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        names_.touch(node);
    }
    // Clusters are chosen where the chain ends.
    [[nodiscard]] static Result<std::uint32_t> goal(const Node&, const Inode&,
                                                    std::uint64_t) noexcept {
        return 0U;
    }
    static void note_place(Node&, FileRun) noexcept {}
    /// What is behind the end of a file stays its own until the next sync, which frees it, or until
    /// the file grows again.
    [[nodiscard]] Status remove_blocks(Inode& inode, std::uint64_t,
                                       std::uint64_t = ~std::uint64_t{0}) noexcept {
        TRY(clusters_.load(*inode.chain));
        set_excess(*inode.chain, inode.size);
        return {};
    }
    void note_excess(Node& node) noexcept {
        const Inode inode = node.inode();
        set_excess(node.chain(), inode.links == 0 || node.type() == NodeType::directory
                                     ? ~std::uint32_t{0}
                                     : inode.size);
    }
    /// Clusters that become free with an orphan.
    [[nodiscard]] std::uint32_t promise_of(const Node& node) const noexcept {
        const auto& chain = node.chain();
        return chain.is_loaded ? chain.size()
                               : std::min(chain.start.clusters, volume_.geometry().clusters);
    }

    [[nodiscard]] Attributes attributes_of(Node& node, Attributes a) noexcept EXCLUDES(lock_);
    [[nodiscard]] Result<bool> check_ownership(const AttributeChange& change) const noexcept;
    void set_read_only_attribute(Node& node, Permissions wanted) noexcept EXCLUDES(lock_);

    /// A node for an entry that is being made, or was found. Error: no_memory.
    [[nodiscard]] Result<Ref<Node>> make_node(Node& directory, const fat::RawEntry& raw,
                                              fat::EntryPlace place, bool is_made) noexcept;
    /// Its entry is at another place now.
    void move_node(Node& node, fat::EntryPlace place) noexcept {
        move_to(node, place, key_of(place));
    }
    /// It has no entry any more.
    void forget_place(Node& node) noexcept { move_to(node, {}, node.inode_number_ | removed_key); }
    void set_parent(Node& node, Node& parent) noexcept {
        parents_.fetch_add(node.parent_ ? 0 : 1, std::memory_order_relaxed);
        node.parent_ = Ref<Node>::share(parent);
    }
    void node_unused(Node& node) noexcept;
    void destroy(Node& node) noexcept {
        set_excess(node.chain(), ~std::uint32_t{0});
        moved_.remove(node);
        table_.leave(node, [&]() noexcept { clusters_.give_up(node.chain()); });
        mm::destroy(heap_, &node);
    }

private:
    using Base::heap_;
    using Base::is_read_only_;
    using Base::lock_;
    using Base::options_;
    using Base::root_;
    using Base::table_;
    static constexpr std::uint64_t removed_key = std::uint64_t{1} << 62;

    [[nodiscard]] std::uint32_t excess() const noexcept {
        return excess_.load(std::memory_order_relaxed);
    }
    void set_excess(typename Node::Chain& chain, std::uint64_t size) noexcept {
        const std::uint32_t needed = volume_.geometry().clusters_for(size);
        const std::uint32_t now = chain.size() > needed ? chain.size() - needed : 0;
        excess_.fetch_add(now - std::exchange(chain.excess, now), std::memory_order_relaxed);
    }
    // For the base.
    [[nodiscard]] auto& commit() noexcept { return commit_; }
    [[nodiscard]] auto& names() noexcept { return names_; }
    [[nodiscard]] auto& renames() noexcept { return renames_; }
    [[nodiscard]] bool can_be_written() noexcept { return volume_.can_be_written(); }
    [[nodiscard]] Status store_all() noexcept { return commit_.sync(); }
    [[nodiscard]] Status finish_unmount() noexcept { return commit_.mark_clean(); }
    [[nodiscard]] Result<Ref<Node>> find_locked(Node& directory, std::string_view text) noexcept {
        fat::Name name;
        TRY(name.find(text));
        const auto found = TRY(entries_.find(directory, name));
        return found ? node_of(directory, found->raw, found->place)
                     : Result<Ref<Node>>(fail(Errc::not_found));
    }
    [[nodiscard]] static Result<Ref<Node>> parent_locked(Node& directory) noexcept {
        return directory.parent_ ? directory.parent_ : Ref<Node>::share(directory);
    }
    [[nodiscard]] bool is_more_to_come() const noexcept {
        return excess() != 0 || table_.has_orphans() || table_.has_removed();
    }
    [[nodiscard]] std::uint64_t key_of(fat::EntryPlace place) const noexcept {
        return place.sector * volume_.geometry().slots_per_sector() + place.slot;
    }
    /// For a node whose entry is there.
    [[nodiscard]] std::uint64_t free_number(std::uint64_t key) const noexcept {
        const fat::Geometry& g = volume_.geometry();
        return moved_.free_number(key, g.sector_of(g.end_cluster()) * g.slots_per_sector());
    }
    /// The inode number of the node whose entry is there.
    [[nodiscard]] std::uint64_t number_at(std::uint64_t key) noexcept {
        const Ref<Node> known = table_.find(key);
        return known ? known->inode_number_ : free_number(key);
    }
    /// The one node of an entry. Errors: no_memory, corrupted.
    [[nodiscard]] Result<Ref<Node>> node_of(Node& directory, const fat::RawEntry& raw,
                                            fat::EntryPlace place) noexcept {
        if (Ref<Node> known = table_.find(key_of(place))) {
            return known;
        }
        Ref<Node> node = TRY(make_node(directory, raw, place, false));
        node->is_new_ = false;
        return node;
    }
    void move_to(Node& node, fat::EntryPlace place, std::uint64_t key) noexcept {
        table_.leave(node);
        node.place_ = place;
        node.key_ = key;
        table_.enter(node);
        moved_.note(node);
    }

    fat::MovedNodes<Node, typename Base::NodeLock> moved_;
    fat::Volume<Cache> volume_;
    fat::Clusters<Heap, Cache, Nodes> clusters_{heap_, volume_, table_};
    fat::FileClusters<Fat> tree_{*this};
    fat::Directory<Fat> entries_{*this};
    fat::Names<Fat> names_{*this};
    fat::Renames<Fat> renames_{*this, names_};
    fat::Commit<Fat, typename Locks::Commit> commit_{*this};
    std::atomic<std::uint32_t> excess_ = 0;
    std::atomic<std::int32_t> parents_ = 0;  ///< references of directories to their parents
};

}  // namespace kidney::fs
