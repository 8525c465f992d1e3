/// A file system in memory: /tmp, and the first complete, writable one.
///
/// Everything lives in kernel objects and frames; nothing survives a reboot. A node exists while a
/// name or an open file refers to it. This file is the file system itself, its limits and the
/// operations on names; what a node is is in node.hpp, how its bytes are stored in bytes.hpp.
#pragma once

#include "fs/tmpfs/budget.hpp"
#include "fs/tmpfs/node.hpp"
#include "fs/tmpfs/node_list.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file_clock.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Concurrency: any thread. One lock for all names (rename needs several directories at once), one
/// per node for its bytes and attributes; never two at a time. `QuotaLock` is taken inside both.
template <mm::ObjectAllocator Heap, mm::CountedFrames Frames, hal::PhysMap Map, BasicLockable Lock,
          FileClock Clock, BasicLockable QuotaLock = Lock>
class Tmpfs final : public FileSystem {
public:
    using Node = TmpfsNode<Tmpfs>;
    using Directory = TmpfsDirectory<Node>;
    using Entry = TmpfsEntry<Node>;
    using HeapType = TmpfsHeap<Heap>;
    using LockType = Lock;

    /// `device` is st_dev. Call start() before use.
    Tmpfs(Heap& heap, Frames& frames, Map& map, Clock& clock, std::uint32_t device,
          TmpfsLimits limits) noexcept
        : heap_(heap, limits.budget),
          frames_(frames),
          map_(map),
          clock_(clock),
          device_(device),
          limits_(limits),
          quotas_(heap_, limits.quotas) {}
    ~Tmpfs() {
        root_.reset();
        KIDNEY_ASSERT(nodes_.load() == 0);  // somebody still has a file of ours open
    }
    Tmpfs(const Tmpfs&) = delete;
    Tmpfs& operator=(const Tmpfs&) = delete;

    /// Makes the root directory. Error: no_memory.
    [[nodiscard]] Status start(Permissions root_permissions) noexcept {
        root_ = TRY(make_node({.type = NodeType::directory, .permissions = root_permissions}));
        root_->become_root();
        return {};
    }

    [[nodiscard]] Ref<Vnode> root() noexcept override { return Ref<Vnode>(root_); }
    [[nodiscard]] FileSystemStatus status() noexcept override {
        // Without a limit of its own, what is free is what the budget has, or the machine.
        const std::uint64_t used = used_pages();
        const std::uint64_t left = limits_.budget == nullptr ? frames_.free_frames()
                                                             : limits_.budget->free() >> page_shift;
        const std::uint64_t total = limits_.pages < used + left ? limits_.pages : used + left;
        const std::uint32_t nodes = nodes_.load(std::memory_order_relaxed);
        return {.magic = limits_.magic,
                .block_size = page_size,
                .blocks = total,
                .free_blocks = total - (used < total ? used : total),
                .nodes = limits_.nodes,
                .free_nodes = limits_.nodes - std::min(nodes, limits_.nodes),
                .read_only = false};
    }
    [[nodiscard]] Status sync() noexcept override { return {}; }
    [[nodiscard]] std::uint32_t own_references() const noexcept override { return 1; }
    [[nodiscard]] const char* type_name() const noexcept override { return limits_.type_name; }
    [[nodiscard]] Quotas* quotas() noexcept override {
        return quotas_.keeps_any() ? &quotas_ : nullptr;
    }
    [[nodiscard]] std::uint64_t max_file_size() const noexcept override {
        return TmpfsBytes<Tmpfs>::max_size;
    }

    // For the nodes.
    [[nodiscard]] HeapType& heap() noexcept { return heap_; }
    [[nodiscard]] Map& map() noexcept { return map_; }
    [[nodiscard]] Frames& frames() noexcept { return frames_; }
    [[nodiscard]] FileTime now() noexcept { return clock_(); }
    // Quotas: errors are quota_exceeded and no_memory.
    [[nodiscard]] Status charge(QuotaOwner owner, QuotaUse use) noexcept {
        return quotas_.keeps_any() ? quotas_.charge(owner, use, now().seconds) : Status();
    }
    void refund(QuotaOwner owner, QuotaUse use) noexcept { quotas_.refund(owner, use); }
    [[nodiscard]] Status transfer(QuotaOwner from, QuotaOwner to, QuotaUse use) noexcept {
        return quotas_.keeps_any() ? quotas_.transfer(from, to, use, now().seconds) : Status();
    }
    [[nodiscard]] std::uint32_t device() const noexcept { return device_; }

    /// A frame for file data, one reference. Errors: no_space (limit), no_memory.
    [[nodiscard]] Result<FrameNumber> take_page() noexcept {
        TRY(page_count_.take());
        Result<FrameNumber> frame = frames_.allocate(mm::FrameZone::direct);
        if (!frame) {
            page_count_.give_back();
        }
        return frame;
    }
    void give_page(FrameNumber frame) noexcept {
        frames_.release(frame);
        page_count_.give_back();
    }
    [[nodiscard]] std::size_t data_pages() const noexcept { return page_count_.count(); }
    /// The same and, by their size, all objects that belong to them.
    [[nodiscard]] std::size_t used_pages() const noexcept {
        return data_pages() + (heap_.used_bytes() >> page_shift);
    }
    [[nodiscard]] bool is_in_use() noexcept override EXCLUDES(names_lock_) {
        LockGuard guard(names_lock_);
        // Each mount holds one reference to one node; we hold one to the root.
        return all_nodes_.foreign_references() - (root_ ? 1 : 0) != idle_references();
    }
    void note(Node& node, bool is_there) noexcept EXCLUDES(names_lock_) {
        LockGuard guard(names_lock_);
        is_there ? all_nodes_.enter(node) : all_nodes_.leave(node);
    }
    void node_gone() noexcept { nodes_.fetch_sub(1, std::memory_order_relaxed); }
    /// One name less. If it was one of several, it was counted.
    void name_gone(Node& node) noexcept {
        node.add_links(-1);
        if (node.type() != NodeType::directory && node.links() != 0) {
            node_gone();
        }
    }

    // Names. Each does one thing under names_lock_, and releases what fell out after it.
    [[nodiscard]] Result<Ref<Node>> find(Node& directory, std::string_view name) noexcept
        EXCLUDES(names_lock_) {
        LockGuard guard(names_lock_);
        Entry* const entry = directory.entries().find(name);
        if (entry == nullptr) {
            return fail(Errc::not_found);
        }
        return entry->node;
    }
    [[nodiscard]] Result<Ref<Node>> parent_of(Node& directory) noexcept EXCLUDES(names_lock_) {
        LockGuard guard(names_lock_);
        if (directory.parent_ == nullptr) {
            return directory.former_parent_;  // removed
        }
        return Ref<Node>::share(*directory.parent_);
    }
    [[nodiscard]] Result<Ref<Node>> create(Node& directory, std::string_view name,
                                           const NewNode& what) noexcept EXCLUDES(names_lock_) {
        Ref<Node> node = TRY(make_node(what));
        TRY(add(directory, name, node, true));
        directory.touch(node->born());
        return node;
    }
    [[nodiscard]] Result<Ref<Node>> create_unnamed(const NewNode& what, bool linkable) noexcept
        EXCLUDES(names_lock_) {
        Ref<Node> node = TRY(make_node(what));
        LockGuard guard(names_lock_);
        node->is_linkable_ = linkable;
        return node;
    }
    [[nodiscard]] Status link(Node& directory, std::string_view name, Node& node) noexcept
        EXCLUDES(names_lock_) {
        TRY(count_node());
        if (const Status added = add(directory, name, Ref<Node>::share(node), false); !added) {
            node_gone();
            return added;
        }
        const FileTime time = now();
        directory.touch(time);
        node.touch_change(time);
        return {};
    }
    [[nodiscard]] Status unlink(Node& directory, std::string_view name, const Vnode& node) noexcept
        EXCLUDES(names_lock_) {
        Entry* removed = nullptr;
        {
            LockGuard guard(names_lock_);
            removed = TRY(entry_of(directory, name, node));
            TRY(removed->node->begin_removal());
            directory.entries().erase(*removed);
            drop_link(directory, *removed->node);
        }
        const FileTime time = now();
        directory.touch(time);
        removed->node->touch_change(time);
        Entry::destroy(heap_, removed);
        return {};
    }
    [[nodiscard]] Status rename(Node& from, const NameMove& move) noexcept EXCLUDES(names_lock_) {
        Entry* const fresh = TRY(Entry::create(heap_, move.new_name));
        Entry* moved = nullptr;
        Entry* replaced = nullptr;
        if (const Status outcome = replace_name(from, move, *fresh, moved, replaced); !outcome) {
            Entry::destroy(heap_, fresh);
            return outcome;
        }
        const FileTime time = now();
        from.touch(time);
        static_cast<Node&>(move.new_parent).touch(time);
        moved->node->touch_change(time);  // `fresh` may be gone again already
        Entry::destroy(heap_, moved);
        if (replaced != nullptr) {
            replaced->node->touch_change(time);
            Entry::destroy(heap_, replaced);
        }
        return {};
    }
    /// Two names swap their nodes.
    [[nodiscard]] Status exchange(Node& from, const NameMove& move) noexcept EXCLUDES(names_lock_) {
        auto& to = static_cast<Node&>(move.new_parent);
        {
            LockGuard guard(names_lock_);
            Entry* const a = TRY(entry_of(from, move.name, move.node));
            Entry* const b = TRY(entry_of(to, move.new_name, *move.replaced));
            TRY(check_move(*a->node, to));
            TRY(check_move(*b->node, from));
            a->node->change_parent(from, to);
            b->node->change_parent(to, from);
            std::swap(a->node, b->node);
        }
        const FileTime time = now();
        from.touch(time);
        to.touch(time);
        static_cast<Node&>(move.node).touch_change(time);
        static_cast<Node&>(*move.replaced).touch_change(time);
        return {};
    }
    [[nodiscard]] Status list(Node& directory, std::uint64_t cookie, DirectorySink& sink) noexcept
        EXCLUDES(names_lock_) {
        LockGuard guard(names_lock_);
        if (cookie < 1 && !sink.accept({directory.inode(), NodeType::directory, ".", 1})) {
            return {};
        }
        if (const Node* const up = directory.parent_;
            cookie < 2 && up != nullptr &&
            !sink.accept({up->inode(), NodeType::directory, "..", 2})) {
            return {};
        }
        directory.entries().for_each_behind(cookie, [&](Entry& entry) {
            return sink.accept(
                {entry.node->inode(), entry.node->type(), entry.name(), entry.cookie});
        });
        return {};
    }

private:
    /// Error: no_space.
    [[nodiscard]] Status count_node() noexcept {
        if (nodes_.fetch_add(1, std::memory_order_relaxed) >= limits_.nodes) {
            node_gone();
            return fail(Errc::no_space);
        }
        return {};
    }
    [[nodiscard]] Result<Ref<Node>> make_node(const NewNode& what) noexcept {
        TRY(count_node());
        const QuotaOwner owner{what.uid, what.gid};
        if (const Status charged = charge(owner, {.nodes = 1}); !charged) {
            node_gone();
            return fail(charged.error());
        }
        // relaxed: any order of numbers will do, if they differ
        Result<Ref<Node>> node = mm::make_ref<Node>(
            heap_, *this, what, next_inode_.fetch_add(1, std::memory_order_relaxed));
        if (!node) {
            quotas_.refund(owner, {.nodes = 1});
            node_gone();
            return node;
        }
        TRY((*node)->set_target(what.target));
        return node;
    }
    /// `is_new`: the node has no name yet. A directory gets its ".." with its name.
    [[nodiscard]] Status add(Node& directory, std::string_view name, Ref<Node> node,
                             bool is_new) noexcept EXCLUDES(names_lock_) {
        Entry* const entry = TRY(Entry::create(heap_, name));
        const Status outcome = insert(directory, *entry, node, is_new);
        if (!outcome) {
            Entry::destroy(heap_, entry);
        }
        return outcome;
    }
    [[nodiscard]] Status insert(Node& directory, Entry& entry, const Ref<Node>& node,
                                bool is_new) noexcept EXCLUDES(names_lock_) {
        LockGuard guard(names_lock_);
        if (directory.parent_ == nullptr) {
            return fail(Errc::not_found);  // the directory itself was removed
        }
        if (!is_new && node->links() == 0 && !node->is_linkable_) {
            return fail(Errc::not_found);
        }
        if (node->links() == Node::max_links) {
            return fail(Errc::too_many_links);
        }
        if (directory.entries().find(entry.name()) != nullptr) {
            return fail(Errc::exists);
        }
        if (std::exchange(node->is_linkable_, false)) {
            node_gone();  // link() has counted a further name, and this is the first
        }
        entry.node = node;
        directory.entries().insert(entry);
        node->add_links(1);
        if (node->type() == NodeType::directory) {
            node->parent_ = &directory;
            node->add_links(1);  // its "."
            directory.add_links(1);
        }
        return {};
    }
    /// The entry, if its name still means `node`. Error: stale.
    [[nodiscard]] static Result<Entry*> entry_of(Node& directory, std::string_view name,
                                                 const Vnode& node) noexcept {
        Entry* const entry = directory.entries().find(name);
        if (entry == nullptr || entry->node.get() != &node) {
            return fail(Errc::stale);
        }
        return entry;
    }
    /// May `node` get a name in `to`? A directory must not become its own ancestor.
    [[nodiscard]] Status check_move(const Node& node, const Node& to) const noexcept
        REQUIRES(names_lock_) {
        if (node.is_mount_point()) {
            return fail(Errc::busy);
        }
        const Node* up = &to;
        while (node.type() == NodeType::directory) {
            if (up == &node) {
                return fail(Errc::invalid_argument);
            }
            if (up->parent_ == up || up->parent_ == nullptr) {
                break;
            }
            up = up->parent_;
        }
        return {};
    }
    /// `node` has lost its name in `directory`.
    void drop_link(Node& directory, Node& node) noexcept REQUIRES(names_lock_) {
        name_gone(node);
        if (node.type() == NodeType::directory) {
            node.add_links(-1);
            node.parent_ = nullptr;
            node.former_parent_ = Ref<Node>::share(directory);
            directory.add_links(-1);
        }
    }
    /// The heart of rename(): all checks, then all changes. `moved` is the old entry, `replaced`
    /// what was in the way; both are the caller's to free.
    [[nodiscard]] Status replace_name(Node& from, const NameMove& move, Entry& fresh, Entry*& moved,
                                      Entry*& replaced) noexcept EXCLUDES(names_lock_) {
        auto& to = static_cast<Node&>(move.new_parent);
        LockGuard guard(names_lock_);
        Entry* const source = TRY(entry_of(from, move.name, move.node));
        if (to.parent_ == nullptr) {
            return fail(Errc::not_found);
        }
        TRY(check_move(*source->node, to));
        Entry* const target = to.entries().find(move.new_name);
        if ((target == nullptr ? nullptr : target->node.get()) != move.replaced) {
            return fail(Errc::stale);
        }
        if (target != nullptr) {
            TRY(target->node->begin_removal());
            to.entries().erase(*target);
            drop_link(to, *target->node);
        }
        from.entries().erase(*source);
        fresh.node = source->node;
        to.entries().insert(fresh);
        fresh.node->change_parent(from, to);
        moved = source;
        replaced = target;
        return {};
    }

    HeapType heap_;
    Frames& frames_;
    Map& map_;
    Clock& clock_;
    const std::uint32_t device_;
    const TmpfsLimits limits_;
    TmpfsPageCount page_count_{limits_.pages, limits_.budget};
    QuotaTable<HeapType, QuotaLock> quotas_;
    std::atomic<std::uint32_t> nodes_ = 0;
    std::atomic<std::uint32_t> next_inode_ = 1;
    Lock names_lock_;  ///< guards the entries and the parent_ of every node
    TmpfsNodeList<Node> all_nodes_ GUARDED_BY(names_lock_);
    Ref<Node> root_;
};

}  // namespace kidney::fs
