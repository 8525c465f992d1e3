/// The tree under RegionMap: intrusive, balanced, and every node knows the largest gap below it.
///
/// An AVL tree whose nodes are threaded in address order as well, so neighbours cost nothing. The
/// gap of a node is the free room between its predecessor and itself; each node knows the largest
/// gap of its subtree, which lets highest_gap() walk straight down. Changes only mark what they
/// make stale, because most programs map below what they mapped last and no search is needed.
/// Boost.Intrusive's trees have no place for such knowledge. Allocates nothing. Concurrency: none.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::mm {

/// What a node of a GapTree derives from; all of it belongs to the tree.
template <class Node>
struct GapTreeHook {
    Node* parent = nullptr;
    std::array<Node*, 2> child{};  ///< lower, higher
    Node* previous = nullptr;
    Node* next = nullptr;
    std::uint32_t largest_gap = 0;  ///< bytes; of the whole subtree, unless stale
    std::uint8_t height = 0;        ///< of the subtree; a leaf has 1
    bool is_stale = false;          ///< and so is every node above
};

/// `Node` derives from GapTreeHook<Node>, has a `range`, and tells by `reserved_start()` where the
/// room begins that it claims, at or below the start of its range. Ranges are disjoint.
template <class Node>
class GapTree {
public:
    GapTree() noexcept = default;
    GapTree(const GapTree&) = delete;
    GapTree& operator=(const GapTree&) = delete;

    [[nodiscard]] Node* first() const noexcept { return first_; }
    [[nodiscard]] Node* last() const noexcept { return last_; }

    /// The first node that starts above an address, or nullptr. Cost of this and all that follow:
    /// O(log n), amortised.
    [[nodiscard]] Node* upper_bound(VirtAddr address) const noexcept {
        Node* bound = nullptr;
        for (Node* at = root_; at != nullptr;) {
            const bool is_above = at->range.start > address;
            bound = is_above ? at : bound;
            at = at->child[is_above ? lower : higher];
        }
        return bound;
    }

    /// Adds a node right before `next`, or as the last one if that is nullptr.
    void insert_before(Node* next, Node& node) noexcept {
        Node* const previous = next == nullptr ? last_ : next->previous;
        // One of the two neighbours has a free place on this side.
        const bool goes_below = next != nullptr && next->child[lower] == nullptr;
        Node* const parent = goes_below ? next : previous;
        node.child = {};
        node.height = 1;
        node.is_stale = false;
        node.parent = parent;
        node.previous = previous;
        node.next = next;
        (parent == nullptr ? root_ : parent->child[goes_below ? lower : higher]) = &node;
        (previous == nullptr ? first_ : previous->next) = &node;
        (next == nullptr ? last_ : next->previous) = &node;
        changed(node);
        balance(parent);
    }

    void erase(Node& node) noexcept {
        Node* const next = node.next;
        (node.previous == nullptr ? first_ : node.previous->next) = next;
        (next == nullptr ? last_ : next->previous) = node.previous;
        Node* lower_by_one = node.parent;
        if (node.child[lower] == nullptr || node.child[higher] == nullptr) {
            put_in_place_of(node, node.child[node.child[lower] == nullptr ? higher : lower]);
        } else {
            lower_by_one = next->parent == &node ? next : next->parent;
            replace_by_next(node, *next);
        }
        make_stale(lower_by_one);
        make_stale(next);
        balance(lower_by_one);
    }

    /// The range of a node, or what it reserves, has changed, but not the order of nodes.
    void changed(Node& node) noexcept {
        make_stale(&node);
        make_stale(node.next);
    }

    /// Where the highest free room of `size` bytes (not 0) within [lowest, ceiling) starts if it
    /// is taken from the top, or address 0.
    [[nodiscard]] VirtAddr highest_gap(std::uint32_t size, VirtAddr lowest,
                                       VirtAddr ceiling) noexcept {
        const Node* above = lower_bound(ceiling);
        for (int n = 0; n < steps_before_search; ++n) {
            const Node* const below = above == nullptr ? last_ : above->previous;
            const VirtAddr floor = below == nullptr ? lowest : std::max(lowest, below->range.end());
            const VirtAddr top =
                above == nullptr ? ceiling : std::min(ceiling, above->reserved_start());
            if (floor < top && top - floor >= size) {
                return top - size;
            }
            if (below == nullptr) {
                return VirtAddr(0);
            }
            above = below;
        }
        return search_below(above->range.start, size, lowest);
    }

    /// Panics if the tree is not one. Cost: O(n). For tests.
    void check_integrity() const noexcept {
        const Node* previous = nullptr;
        for (const Node* at = first_; at != nullptr; previous = at, at = at->next) {
            KIDNEY_INVARIANT(at->previous == previous, "gap tree: thread");
            KIDNEY_INVARIANT(previous == nullptr || previous->range.end() <= at->range.start,
                             "gap tree: order");
            KIDNEY_INVARIANT(at->parent == nullptr ? at == root_
                                                   : at->parent->child[lower] == at ||
                                                         at->parent->child[higher] == at,
                             "gap tree: parent");
            const std::uint32_t heights[] = {height_of(at->child[lower]),
                                             height_of(at->child[higher])};
            KIDNEY_INVARIANT(heights[0] <= heights[1] + 1 && heights[1] <= heights[0] + 1,
                             "gap tree: balance");
            KIDNEY_INVARIANT(at->height == 1 + std::max(heights[0], heights[1]),
                             "gap tree: height");
            KIDNEY_INVARIANT(at->is_stale ? at->parent == nullptr || at->parent->is_stale
                                          : at->largest_gap == largest_gap_at(*at),
                             "gap tree: gaps");
        }
        KIDNEY_INVARIANT(previous == last_, "gap tree: last");
    }

private:
    static constexpr std::size_t lower = 0;
    static constexpr std::size_t higher = 1;
    static constexpr int steps_before_search = 4;

    static std::uint32_t height_of(const Node* node) noexcept {
        return node == nullptr ? 0 : node->height;
    }
    /// The largest gap of a subtree. Looks at what is stale; no deeper than the tree is high.
    static std::uint32_t gap_of(Node* node) noexcept {
        if (node == nullptr) {
            return 0;
        }
        if (node->is_stale) {
            node->largest_gap = largest_gap_at(*node);
            node->is_stale = false;
        }
        return node->largest_gap;
    }
    /// What a node reserves may reach over its predecessors: then there is no gap.
    static std::uint32_t gap_before(const Node& node) noexcept {
        const VirtAddr from = node.previous == nullptr ? VirtAddr(0) : node.previous->range.end();
        const VirtAddr to = node.reserved_start();
        return to > from ? to - from : 0;
    }
    static std::uint32_t largest_gap_at(const Node& node) noexcept {
        const std::uint32_t below = std::max(gap_of(node.child[lower]), gap_of(node.child[higher]));
        return std::max(gap_before(node), below);
    }
    static void make_stale(Node* node) noexcept {
        for (; node != nullptr && !node->is_stale; node = node->parent) {
            node->is_stale = true;
        }
    }
    /// False: the height is what it was.
    static bool update_height(Node& node) noexcept {
        const auto height = static_cast<std::uint8_t>(
            1 + std::max(height_of(node.child[lower]), height_of(node.child[higher])));
        return std::exchange(node.height, height) != height;
    }

    /// The first node that does not start below an address, or nullptr.
    [[nodiscard]] Node* lower_bound(VirtAddr address) const noexcept {
        Node* bound = nullptr;
        for (Node* at = root_; at != nullptr;) {
            const bool is_below = at->range.start < address;
            bound = is_below ? bound : at;
            at = at->child[is_below ? higher : lower];
        }
        return bound;
    }
    /// As highest_gap(), in the gaps of nodes that start at `limit` or below it.
    [[nodiscard]] VirtAddr search_below(VirtAddr limit, std::uint32_t size,
                                        VirtAddr lowest) noexcept {
        // Down along the limit: the highest node that has enough room right below it, or in its
        // lower subtree.
        Node* candidate = nullptr;
        for (Node* at = root_; at != nullptr;) {
            if (at->range.start > limit) {
                at = at->child[lower];
                continue;
            }
            if (std::max(gap_before(*at), gap_of(at->child[lower])) >= size) {
                candidate = at;
            }
            at = at->child[higher];
        }
        while (candidate != nullptr && gap_before(*candidate) < size) {
            candidate = candidate->child[lower];
            while (gap_of(candidate->child[higher]) >= size) {
                candidate = candidate->child[higher];
            }
        }
        // The gap of the very first node begins at address 0.
        return candidate != nullptr && candidate->reserved_start() > lowest &&
                       candidate->reserved_start() - lowest >= size
                   ? candidate->reserved_start() - size
                   : VirtAddr(0);
    }

    void put_in_place_of(const Node& old, Node* replacement) noexcept {
        Node* const parent = old.parent;
        if (parent == nullptr) {
            root_ = replacement;
        } else {
            parent->child[parent->child[higher] == &old ? higher : lower] = replacement;
        }
        if (replacement != nullptr) {
            replacement->parent = parent;
        }
    }
    /// `node` has two children, so its successor has no lower one.
    void replace_by_next(Node& node, Node& next) noexcept {
        put_in_place_of(next, next.child[higher]);
        put_in_place_of(node, &next);
        next.child = node.child;
        for (Node* const child : next.child) {
            if (child != nullptr) {
                child->parent = &next;
            }
        }
        next.height = node.height;
        next.is_stale = node.is_stale;
        next.largest_gap = node.largest_gap;
    }

    /// Lifts the child on `side` over `top`.
    void rotate(Node& top, std::size_t side) noexcept {
        Node& lifted = *top.child[side];
        put_in_place_of(top, &lifted);
        Node* const moved = lifted.child[1 - side];
        top.child[side] = moved;
        if (moved != nullptr) {
            moved->parent = &top;
        }
        lifted.child[1 - side] = &top;
        top.parent = &lifted;
        top.is_stale = lifted.is_stale = true;  // what is above them is stale already
        update_height(top);
        update_height(lifted);
    }
    /// Restores balance from a node upwards, as far as heights change. All of them are stale.
    void balance(Node* node) noexcept {
        while (node != nullptr) {
            Node* const parent = node->parent;
            const std::uint32_t low = height_of(node->child[lower]);
            const std::uint32_t high = height_of(node->child[higher]);
            if (low > high + 1 || high > low + 1) {
                const std::size_t tall = low > high ? lower : higher;
                Node& child = *node->child[tall];
                if (height_of(child.child[1 - tall]) > height_of(child.child[tall])) {
                    rotate(child, 1 - tall);
                }
                rotate(*node, tall);
            } else if (!update_height(*node)) {
                return;
            }
            node = parent;
        }
    }

    Node* root_ = nullptr;
    Node* first_ = nullptr;
    Node* last_ = nullptr;
};

}  // namespace kidney::mm
