/// What schedulers that sort are measured against: fair shares by hand, on the ordered structures
/// that C++ and Boost offer or that are quickly written.
///
/// The rule is the same one everywhere, and the least there can be: virtual time goes on by what
/// was run for the weight; whoever has the least is next, of equals whoever has the smallest id.
#pragma once

#include "bench/baselines/queues_in_turn.hpp"
#include "kidney/sched/policy.hpp"
#include "sched/policies/virtual_time.hpp"

#include <boost/intrusive/set.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace kidney::bench {

/// An entity's place in the order.
struct ByTime : sched::Entity {
    std::uint64_t time = 0;
    sched::Rate rate;

    friend bool operator<(const ByTime& a, const ByTime& b) noexcept {
        return a.time != b.time ? a.time < b.time : a.id < b.id;
    }
};

/// `Order` has insert(), erase(), first() and is_empty(), for its `Item`s.
template <class Order>
class FairByHand {
public:
    using Item = typename Order::Item;
    static constexpr const char* name = Order::name;

    void enqueue(sched::Entity& e, sched::EnqueueReason why, Instant) noexcept {
        auto& item = static_cast<Item&>(e);
        if (why == sched::EnqueueReason::started) {
            item.rate.use(item.weight);
            item.time = least_;
        }
        order_.insert(item);
        ++size_;
    }
    void remove(sched::Entity& e) noexcept {
        order_.erase(static_cast<Item&>(e));
        --size_;
    }
    [[nodiscard]] sched::Entity* pick_next(Instant) noexcept {
        if (order_.is_empty()) {
            return nullptr;
        }
        Item& first = order_.first();
        remove(first);
        least_ = std::max(least_, first.time);
        return ByHand::with_fresh_slice(&first);
    }
    [[nodiscard]] static sched::TickVerdict charge(sched::Entity& e, Duration ran,
                                                   Instant now) noexcept {
        auto& item = static_cast<Item&>(e);
        item.time += item.rate.virtual_time(ran);
        return ByHand::charge(e, ran, now);
    }
    [[nodiscard]] static bool preempts(const sched::Entity& a, const sched::Entity& b) noexcept {
        return static_cast<const Item&>(a).time < static_cast<const Item&>(b).time;
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] static constexpr std::uint32_t most_comparisons(std::uint32_t n) noexcept
        requires requires { Order::most_comparisons(n); }
    {
        return Order::most_comparisons(n);
    }

private:
    Order order_;
    std::uint64_t least_ = 0;
    std::size_t size_ = 0;
};

/// Boost.Intrusive's red-black tree.
class RedBlackTree {
public:
    struct Item : ByTime, boost::intrusive::set_base_hook<> {};
    static constexpr const char* name = "baseline_red_black_tree";
    /// An insertion; to take the first out compares nothing.
    [[nodiscard]] static constexpr std::uint32_t most_comparisons(std::uint32_t n) noexcept {
        return 2 * static_cast<std::uint32_t>(std::bit_width(n)) + 1;
    }
    void insert(Item& item) noexcept { tree_.insert(item); }
    void erase(Item& item) noexcept { tree_.erase(tree_.iterator_to(item)); }
    [[nodiscard]] Item& first() noexcept { return *tree_.begin(); }
    [[nodiscard]] bool is_empty() const noexcept { return tree_.empty(); }

private:
    boost::intrusive::multiset<Item> tree_;
};

class StdSet {
public:
    using Item = ByTime;
    static constexpr const char* name = "std_set";
    void insert(Item& item) { set_.insert(&item); }
    void erase(Item& item) { set_.erase(&item); }
    [[nodiscard]] Item& first() noexcept { return **set_.begin(); }
    [[nodiscard]] bool is_empty() const noexcept { return set_.empty(); }

private:
    struct Less {
        bool operator()(const Item* a, const Item* b) const noexcept { return *a < *b; }
    };
    std::set<Item*, Less> set_;
};

/// Four children to a node, times beside the pointers, places in the entities.
class HeapOfFour {
public:
    struct Item : ByTime {
        std::size_t place = 0;
    };
    static constexpr const char* name = "heap_of_four";
    void insert(Item& item) {
        entries_.push_back({item.time, &item});
        climb(entries_.size() - 1, entries_.back());
    }
    void erase(Item& item) noexcept {
        const Entry last = entries_.back();
        entries_.pop_back();
        if (last.item == &item) {
            return;
        }
        const std::size_t place = item.place;
        if (place != 0 && last < entries_[(place - 1) / 4]) {
            climb(place, last);
        } else {
            sink(place, last);
        }
    }
    [[nodiscard]] Item& first() noexcept { return *entries_.front().item; }
    [[nodiscard]] bool is_empty() const noexcept { return entries_.empty(); }

private:
    struct Entry {
        std::uint64_t time;
        Item* item;
        friend bool operator<(const Entry& a, const Entry& b) noexcept {
            return a.time != b.time ? a.time < b.time : a.item->id < b.item->id;
        }
    };
    void put(std::size_t place, const Entry& entry) noexcept {
        entries_[place] = entry;
        entry.item->place = place;
    }
    void climb(std::size_t place, Entry entry) noexcept {
        for (; place != 0 && entry < entries_[(place - 1) / 4]; place = (place - 1) / 4) {
            put(place, entries_[(place - 1) / 4]);
        }
        put(place, entry);
    }
    void sink(std::size_t place, Entry entry) noexcept {
        for (std::size_t child = place * 4 + 1; child < entries_.size(); child = place * 4 + 1) {
            const std::size_t end = std::min(child + 4, entries_.size());
            for (std::size_t other = child + 1; other < end; ++other) {
                child = entries_[other] < entries_[child] ? other : child;
            }
            if (!(entries_[child] < entry)) {
                break;
            }
            put(place, entries_[child]);
            place = child;
        }
        put(place, entry);
    }
    std::vector<Entry> entries_;
};

/// Fredman, Sedgewick, Sleator and Tarjan 1986; two passes.
class PairingHeap {
public:
    struct Item : ByTime {
        Item* child = nullptr;
        Item* next = nullptr;
        Item* previous = nullptr;  ///< the parent, of a first child
    };
    static constexpr const char* name = "pairing_heap";
    void insert(Item& item) noexcept {
        item.child = item.next = item.previous = nullptr;
        root_ = root_ == nullptr ? &item : meld(root_, &item);
    }
    void erase(Item& item) noexcept {
        Item* const below = pair_up(item.child);
        if (&item == root_) {
            root_ = below;
            return;
        }
        (item.previous->child == &item ? item.previous->child : item.previous->next) = item.next;
        if (item.next != nullptr) {
            item.next->previous = item.previous;
        }
        if (below != nullptr) {
            root_ = meld(root_, below);
        }
    }
    [[nodiscard]] Item& first() noexcept { return *root_; }
    [[nodiscard]] bool is_empty() const noexcept { return root_ == nullptr; }

private:
    /// Both are roots.
    static Item* meld(Item* a, Item* b) noexcept {
        if (*b < *a) {
            std::swap(a, b);
        }
        b->previous = a;
        b->next = a->child;
        if (b->next != nullptr) {
            b->next->previous = b;
        }
        a->child = b;
        a->next = a->previous = nullptr;
        return a;
    }
    static Item* pair_up(Item* first) noexcept {
        Item* pairs = nullptr;
        while (first != nullptr) {
            Item* const a = first;
            Item* const b = a->next;
            first = b == nullptr ? nullptr : b->next;
            Item* const winner = b == nullptr ? a : meld(a, b);
            winner->next = pairs;
            pairs = winner;
        }
        Item* all = nullptr;
        while (pairs != nullptr) {
            Item* const rest = pairs->next;
            pairs->next = pairs->previous = nullptr;
            all = all == nullptr ? pairs : meld(all, pairs);
            pairs = rest;
        }
        return all;
    }
    Item* root_ = nullptr;
};

/// Pugh 1990; as many levels as a coin falls on heads, which is drawn once for each entity.
class SkipList {
public:
    static constexpr std::size_t levels = 17;
    struct Item : ByTime {
        std::array<Item*, levels> next{};
        std::size_t height = 0;
    };
    static constexpr const char* name = "skip_list";
    void insert(Item& item) noexcept {
        if (item.height == 0) {
            random_ = random_ * 1664525U + 1013904223U;
            item.height = std::min<std::size_t>(
                static_cast<std::size_t>(std::countl_one(random_)) + 1, levels);
        }
        for_each_before(item, [&](std::size_t level, Item*& link) {
            if (level < item.height) {
                item.next[level] = link;
                link = &item;
            }
        });
    }
    void erase(Item& item) noexcept {
        for_each_before(item, [&](std::size_t level, Item*& link) {
            if (link == &item) {
                link = item.next[level];
            }
        });
    }
    [[nodiscard]] Item& first() noexcept { return *head_[0]; }
    [[nodiscard]] bool is_empty() const noexcept { return head_[0] == nullptr; }

private:
    /// f(level, the last link that leads past nobody before `item`), from the highest on.
    template <class F>
    void for_each_before(const Item& item, F&& f) noexcept {
        std::array<Item*, levels>* links = &head_;
        for (std::size_t level = levels; level-- != 0;) {
            while ((*links)[level] != nullptr && *(*links)[level] < item) {
                links = &(*links)[level]->next;
            }
            f(level, (*links)[level]);
        }
    }
    std::array<Item*, levels> head_{};
    std::uint32_t random_ = 1;
};

}  // namespace kidney::bench
