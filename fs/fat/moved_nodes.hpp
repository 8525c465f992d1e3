/// Nodes whose number is not that of the place where their entry is: renamed or removed.
#pragma once

#include "kidney/core/lock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::fs::fat {

/// FAT has no inode numbers: a node's is the place of its entry when it came into memory, and stays
/// while it is in use. So somebody else whose entry is at that place later needs another one. Needs
/// no memory. Concurrency: any thread; with any of the file system's locks held.
template <class Node, BasicLockable Lock>
class MovedNodes {
public:
    /// It has moved, or come back.
    void note(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const bool is_moved = node.key_ != node.inode_number_;
        if (is_moved && !std::exchange(node.is_moved_, true)) {
            node.next_moved_ = std::exchange(list_of(node.inode_number_), &node);
        } else if (!is_moved) {
            take_out(node);
        }
    }
    void remove(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        take_out(node);
    }
    /// The number for a node whose entry is at `key`; the same as long as the others stay.
    /// `places`: all keys are below. No larger than it must be: programs without large files have
    /// 32 bits.
    [[nodiscard]] std::uint64_t free_number(std::uint64_t key, std::uint64_t places) const noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        std::uint64_t number = key;
        while (is_taken(number)) {
            number += places;
        }
        return number;
    }

private:
    void take_out(Node& node) noexcept REQUIRES(lock_) {
        if (!std::exchange(node.is_moved_, false)) {
            return;
        }
        Node** at = &list_of(node.inode_number_);
        while (*at != &node) {
            at = &(*at)->next_moved_;
        }
        *at = node.next_moved_;
    }

    [[nodiscard]] Node*& list_of(std::uint64_t number) noexcept REQUIRES(lock_) {
        return lists_[static_cast<std::size_t>(number % lists)];
    }
    [[nodiscard]] bool is_taken(std::uint64_t number) const noexcept REQUIRES(lock_) {
        const Node* n = lists_[static_cast<std::size_t>(number % lists)];
        while (n != nullptr && n->inode_number_ != number) {
            n = n->next_moved_;
        }
        return n != nullptr;
    }

    /// By number: between two syncs thousands may be removed.
    static constexpr std::size_t lists = 256;
    mutable Lock lock_;
    std::array<Node*, lists> lists_ GUARDED_BY(lock_){};
};

}  // namespace kidney::fs::fat
