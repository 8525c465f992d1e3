/// Nodes whose number is not that of the place where their entry is: renamed or removed.
#pragma once

#include "kidney/core/lock.hpp"

#include <boost/intrusive/set.hpp>

#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

namespace kidney::fs::fat {

/// FAT has no inode numbers: a node's is the place of its entry when it came into memory, and stays
/// while it is in use. So somebody else whose entry is at that place later needs another one: the
/// place, and so many times `places` that it is above all others of that place. Needs no memory.
/// Cost: O(log nodes); between two syncs thousands may be removed, all from one place.
/// Concurrency: any thread; with any of the file system's locks held.
template <class Node, BasicLockable Lock>
class MovedNodes {
public:
    /// It has moved, or come back.
    void note(Node& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (node.key_ == node.inode_number_) {
            take_out(node);
        } else if (!node.moved_hook_.is_linked()) {
            nodes_.insert(node);
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
        const auto behind = nodes_.upper_bound(
            std::pair(key, std::numeric_limits<std::uint64_t>::max()), InOrder());
        if (behind == nodes_.begin()) {
            return key;
        }
        const Node& last = *std::prev(behind);
        return last.first_key_ == key ? last.inode_number_ + places : key;
    }

private:
    using Order = std::pair<std::uint64_t, std::uint64_t>;
    struct InOrder {
        [[nodiscard]] static Order of(const Node& n) noexcept {
            return {n.first_key_, n.inode_number_};
        }
        [[nodiscard]] static Order of(const Order& order) noexcept { return order; }
        template <class A, class B>
        [[nodiscard]] bool operator()(const A& a, const B& b) const noexcept {
            return of(a) < of(b);
        }
    };
    void take_out(Node& node) noexcept REQUIRES(lock_) {
        if (node.moved_hook_.is_linked()) {
            nodes_.erase(nodes_.iterator_to(node));
        }
    }

    mutable Lock lock_;
    boost::intrusive::set<
        Node, boost::intrusive::member_hook<Node, typename Node::MovedHook, &Node::moved_hook_>,
        boost::intrusive::compare<InOrder>, boost::intrusive::constant_time_size<false>>
        nodes_ GUARDED_BY(lock_);
};

}  // namespace kidney::fs::fat
