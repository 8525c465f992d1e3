/// The nodes of a file system that are in memory: by number, and those with something to do.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::fs {

/// Owns none but the changed and the logged ones, of which it holds a reference. Needs no memory.
/// Concurrency: any thread; it may be called with any of the file system's locks held.
template <class Node, BasicLockable Lock>
class NodeTable {
public:
    /// One whose last reference is gone is passed over.
    [[nodiscard]] Ref<Node> find(std::uint64_t number) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (Node* n = bucket_of(number); n != nullptr; n = n->next_in_bucket_) {
            if (n->number() == number && n->try_retain()) {
                return Ref<Node>::adopt(n);
            }
        }
        return nullptr;
    }
    void enter(Node& node) noexcept EXCLUDES(lock_) {
        enter(node, [](Node&) noexcept {});
    }
    /// Calls meet(other) under the lock if a node of the same number is about to leave: its last
    /// reference is gone, and nobody but leave() looks at it any more.
    template <class Meet>
    void enter(Node& node, Meet&& meet) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (Node* n = bucket_of(node.number()); n != nullptr; n = n->next_in_bucket_) {
            if (n->number() == node.number()) {
                meet(*n);
            }
        }
        node.is_in_table_ = true;
        node.next_in_bucket_ = std::exchange(bucket_of(node.number()), &node);
    }
    void leave(Node& node) noexcept EXCLUDES(lock_) {
        leave(node, []() noexcept {});
    }
    /// Calls then() under the lock once nobody can find it.
    template <class Then>
    void leave(Node& node, Then&& then) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (std::exchange(node.is_in_table_, false)) {
            Node** at = &bucket_of(node.number());
            while (*at != &node) {
                at = &(*at)->next_in_bucket_;
            }
            *at = node.next_in_bucket_;
        }
        then();
    }
    /// Does something that must not come between, under the lock.
    template <class Do>
    auto hold(Do&& something) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return something();
    }

    /// The node must go home, and stays in memory until it has.
    void note_change(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (!std::exchange(node.is_changed_, true)) {
            node.retain();
            node.next_changed_ = std::exchange(changed_, &node);
        }
    }
    /// One of them, with the table's reference; null: there are no more.
    [[nodiscard]] Ref<Node> take_changed() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Node* const node = changed_;
        if (node != nullptr) {
            changed_ = std::exchange(node->next_changed_, nullptr);
            node->is_changed_ = false;
        }
        return Ref<Node>::adopt(node);
    }
    [[nodiscard]] bool has_changed() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return changed_ != nullptr;
    }
    /// Some of its bytes are in a log only. For nodes with is_logged_ and next_logged_.
    void note_logged(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (!std::exchange(node.is_logged_, true)) {
            node.retain();
            node.next_logged_ = std::exchange(logged_, &node);
        }
    }
    [[nodiscard]] Ref<Node> take_logged() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Node* const node = logged_;
        if (node != nullptr) {
            logged_ = std::exchange(node->next_logged_, nullptr);
            node->is_logged_ = false;
        }
        return Ref<Node>::adopt(node);
    }
    /// For each of them, with the lock held.
    template <class Use>
    void for_each_logged(Use&& use) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (Node* node = logged_; node != nullptr; node = node->next_logged_) {
            use(*node);
        }
    }

    /// A name went that was the last one of its node: some sync will bring free space.
    void note_removal() noexcept { has_removed_.store(true, std::memory_order_relaxed); }
    void forget_removals() noexcept { has_removed_.store(false, std::memory_order_relaxed); }
    [[nodiscard]] bool has_removed() const noexcept {
        return has_removed_.load(std::memory_order_relaxed);
    }

    /// A node without a name, whose last reference is gone; `blocks` become free with it.
    void add_orphan(Node& node, std::uint32_t blocks) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        node.next_orphan_ = std::exchange(orphans_, &node);
        promised_blocks_.fetch_add(blocks, std::memory_order_relaxed);
        promised_inodes_.fetch_add(1, std::memory_order_relaxed);
    }
    /// All of them, chained by next_orphan_.
    [[nodiscard]] Node* take_orphans() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return std::exchange(orphans_, nullptr);
    }
    /// One of them; null: there are no more.
    [[nodiscard]] Node* take_orphan() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Node* const node = orphans_;
        if (node != nullptr) {
            orphans_ = std::exchange(node->next_orphan_, nullptr);
        }
        return node;
    }
    [[nodiscard]] bool has_orphans() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return orphans_ != nullptr;
    }
    void keep_promise(std::uint32_t blocks) noexcept {
        promised_blocks_.fetch_sub(blocks, std::memory_order_relaxed);
        promised_inodes_.fetch_sub(1, std::memory_order_relaxed);
    }
    // relaxed: numbers only, which say nothing about other memory
    [[nodiscard]] std::uint32_t promised_blocks() const noexcept {
        return promised_blocks_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint32_t promised_inodes() const noexcept {
        return promised_inodes_.load(std::memory_order_relaxed);
    }

    /// References to nodes but those of the table itself. Cost: O(nodes in memory).
    [[nodiscard]] std::int64_t foreign_references() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        std::int64_t foreign = 0;
        for (const Node* bucket : buckets_) {
            for (const Node* n = bucket; n != nullptr; n = n->next_in_bucket_) {
                foreign += n->references();
                foreign -= n->is_changed_ ? 1 : 0;
                if constexpr (requires { n->is_logged_; }) {
                    foreign -= n->is_logged_ ? 1 : 0;
                }
            }
        }
        return foreign;
    }

    [[nodiscard]] bool is_unused() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (const Node* n : buckets_) {
            if (n != nullptr) {
                return false;
            }
        }
        return true;
    }

private:
    static constexpr std::size_t bucket_bits = 8;

    /// Numbers that are a power of two apart must not all meet.
    [[nodiscard]] Node*& bucket_of(std::uint64_t number) noexcept REQUIRES(lock_) {
        constexpr std::uint64_t golden = 0x9e37'79b9'7f4a'7c15;
        return buckets_[static_cast<std::size_t>(number * golden >> (64 - bucket_bits))];
    }

    mutable Lock lock_;
    std::array<Node*, std::size_t{1} << bucket_bits> buckets_ GUARDED_BY(lock_){};
    Node* changed_ GUARDED_BY(lock_) = nullptr;
    Node* logged_ GUARDED_BY(lock_) = nullptr;
    Node* orphans_ GUARDED_BY(lock_) = nullptr;
    std::atomic<std::uint32_t> promised_blocks_ = 0, promised_inodes_ = 0;
    std::atomic<bool> has_removed_ = false;
};

}  // namespace kidney::fs
