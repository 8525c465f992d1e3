/// The nodes of a file system that somebody refers to, and those that nobody does any more but
/// whose inodes are still to be freed.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::fs::vsfs {

/// Does not own nodes: one whose last reference is gone is passed over. Concurrency: any thread.
template <class Node, BasicLockable Lock>
class NodeTable {
public:
    [[nodiscard]] Ref<Node> find(std::uint32_t number) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (Node* n = bucket(number); n != nullptr; n = n->next_) {
            if (n->number() == number && n->try_retain()) {
                return Ref<Node>::adopt(n);
            }
        }
        return nullptr;
    }
    void add(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        node.next_ = std::exchange(bucket(node.number()), &node);
    }
    /// The last reference is gone. True: the node stays here as an orphan.
    [[nodiscard]] bool remove(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Node** at = &bucket(node.number());
        while (*at != &node) {
            at = &(*at)->next_;
        }
        *at = node.next_;
        if (!node.is_unlinked_) {
            return false;
        }
        node.next_ = std::exchange(orphans_, &node);
        return true;
    }
    /// Gives each orphan to `free`, without the lock, until there is none or one that `free` does
    /// not take: that one stays.
    template <class Free>
    void take_orphans(Free&& free) noexcept EXCLUDES(lock_) {
        while (Node* const node = take_orphan()) {
            if (!free(*node)) {
                LockGuard guard(lock_);
                node->next_ = std::exchange(orphans_, node);
                return;
            }
        }
    }
    [[nodiscard]] bool is_empty() const noexcept KIDNEY_NO_TSA("nobody else is left")
    {
        for (const Node* n : table_) {
            if (n != nullptr) {
                return false;
            }
        }
        return true;
    }

private:
    [[nodiscard]] Node*& bucket(std::uint32_t number) noexcept REQUIRES(lock_) {
        return table_[number % table_.size()];
    }
    [[nodiscard]] Node* take_orphan() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Node* const node = orphans_;
        if (node != nullptr) {
            orphans_ = node->next_;
        }
        return node;
    }

    Lock lock_;
    std::array<Node*, 64> table_ GUARDED_BY(lock_){};
    Node* orphans_ GUARDED_BY(lock_) = nullptr;
};

}  // namespace kidney::fs::vsfs
