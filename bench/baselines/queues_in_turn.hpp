/// What schedulers that go by turns, levels or lots are measured against: the same job by hand.
///
/// Measuring rods, not policies: they have a policy's calls, and believe every caller.
#pragma once

#include "kidney/sched/policy.hpp"

#include <boost/intrusive/list.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

namespace kidney::bench {

/// What all of them do the same way: book the time, and answer.
struct ByHand {
    [[nodiscard]] static sched::TickVerdict charge(sched::Entity& e, Duration ran,
                                                   Instant) noexcept {
        e.slice_used += ran;
        return e.slice_used < Duration::milliseconds(10) ? sched::TickVerdict::keep_running
                                                         : sched::TickVerdict::preempt;
    }
    [[nodiscard]] static bool preempts(const sched::Entity&, const sched::Entity&) noexcept {
        return false;
    }
    /// As whoever is picked has it.
    [[nodiscard]] static sched::Entity* with_fresh_slice(sched::Entity* e) noexcept {
        e->slice_used = Duration();
        return e;
    }
};

/// Two pointers in each entity, as everybody has written it once.
class HandList {
public:
    struct Node {
        Node* next = nullptr;
        Node* previous = nullptr;
    };
    HandList() noexcept { ends_ = {&ends_, &ends_}; }
    HandList(const HandList&) = delete;
    HandList& operator=(const HandList&) = delete;

    void append(Node& node) noexcept {
        node = {&ends_, ends_.previous};
        ends_.previous->next = &node;
        ends_.previous = &node;
    }
    static void take_out(Node& node) noexcept {
        node.previous->next = node.next;
        node.next->previous = node.previous;
    }
    [[nodiscard]] Node& first() noexcept { return *ends_.next; }
    [[nodiscard]] bool is_empty() const noexcept { return ends_.next == &ends_; }

private:
    Node ends_;
};
struct Linked : sched::Entity, HandList::Node {};

class ListByHand : public ByHand {
public:
    using Item = Linked;
    static constexpr const char* name = "baseline_list";
    void enqueue(sched::Entity& e, sched::EnqueueReason, Instant) noexcept {
        list_.append(static_cast<Linked&>(e));
        ++size_;
    }
    void remove(sched::Entity& e) noexcept {
        HandList::take_out(static_cast<Linked&>(e));
        --size_;
    }
    [[nodiscard]] sched::Entity* pick_next(Instant) noexcept {
        if (list_.is_empty()) {
            return nullptr;
        }
        auto& first = static_cast<Linked&>(list_.first());
        remove(first);
        return with_fresh_slice(&first);
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    HandList list_;
    std::size_t size_ = 0;
};

class DequeByHand : public ByHand {
public:
    static constexpr const char* name = "std_deque";
    void enqueue(sched::Entity& e, sched::EnqueueReason, Instant) noexcept { queue_.push_back(&e); }
    void remove(sched::Entity& e) noexcept { queue_.erase(std::ranges::find(queue_, &e)); }
    [[nodiscard]] sched::Entity* pick_next(Instant) noexcept {
        if (queue_.empty()) {
            return nullptr;
        }
        sched::Entity* const first = queue_.front();
        queue_.pop_front();
        return with_fresh_slice(first);
    }
    [[nodiscard]] std::size_t size() const noexcept { return queue_.size(); }

private:
    std::deque<sched::Entity*> queue_;
};

class BoostListByHand : public ByHand {
public:
    static constexpr const char* name = "boost_list";
    void enqueue(sched::Entity& e, sched::EnqueueReason, Instant) noexcept { list_.push_back(e); }
    void remove(sched::Entity& e) noexcept { list_.erase(list_.iterator_to(e)); }
    [[nodiscard]] sched::Entity* pick_next(Instant) noexcept {
        if (list_.empty()) {
            return nullptr;
        }
        sched::Entity& first = list_.front();
        list_.pop_front();
        return with_fresh_slice(&first);
    }
    [[nodiscard]] std::size_t size() const noexcept { return list_.size(); }

private:
    using Hook = boost::intrusive::member_hook<sched::Entity, decltype(sched::Entity::hook),
                                               &sched::Entity::hook>;
    boost::intrusive::list<sched::Entity, Hook> list_;
};

/// A list for each of 64 levels, and a word with a bit for each that is not empty.
class BitmapByHand : public ByHand {
public:
    using Item = Linked;
    static constexpr const char* name = "baseline_bitmap";
    void enqueue(sched::Entity& e, sched::EnqueueReason, Instant) noexcept {
        const unsigned level = e.priority.value();
        lists_[level].append(static_cast<Linked&>(e));
        used_ |= std::uint64_t{1} << level;
        ++size_;
    }
    void remove(sched::Entity& e) noexcept { take_out(static_cast<Linked&>(e)); }
    [[nodiscard]] sched::Entity* pick_next(Instant) noexcept {
        if (used_ == 0) {
            return nullptr;
        }
        auto& first = static_cast<Linked&>(lists_[highest()].first());
        take_out(first);
        return with_fresh_slice(&first);
    }
    [[nodiscard]] sched::TickVerdict charge(sched::Entity& e, Duration ran,
                                            Instant now) const noexcept {
        const sched::TickVerdict slice = ByHand::charge(e, ran, now);
        return used_ != 0 && highest() > e.priority.value() ? sched::TickVerdict::preempt : slice;
    }
    [[nodiscard]] static bool preempts(const sched::Entity& a, const sched::Entity& b) noexcept {
        return a.priority > b.priority;
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    [[nodiscard]] unsigned highest() const noexcept {
        return 63U - static_cast<unsigned>(std::countl_zero(used_));
    }
    void take_out(Linked& item) noexcept {
        HandList::take_out(item);
        const unsigned level = item.priority.value();
        used_ &= ~(std::uint64_t{lists_[level].is_empty()} << level);
        --size_;
    }

    std::array<HandList, 64> lists_;
    std::uint64_t used_ = 0;
    std::size_t size_ = 0;
};

/// Lots by hand: the draw, and who is where. `Tickets` finds the holder.
template <class Tickets>
class DrawByHand : public ByHand {
public:
    static constexpr const char* name = Tickets::name;
    void enqueue(sched::Entity& e, sched::EnqueueReason, Instant) noexcept {
        tickets_.set(e.slot, e.weight);
        if (by_slot_.size() <= e.slot) {
            by_slot_.resize(e.slot + 1);
        }
        by_slot_[e.slot] = &e;
        ++size_;
    }
    void remove(sched::Entity& e) noexcept {
        tickets_.set(e.slot, 0);
        --size_;
    }
    [[nodiscard]] sched::Entity* pick_next(Instant) noexcept {
        if (size_ == 0) {
            return nullptr;
        }
        sched::Entity* const winner = by_slot_[tickets_.find(random_() % tickets_.total())];
        remove(*winner);
        return with_fresh_slice(winner);
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    Tickets tickets_;
    std::vector<sched::Entity*> by_slot_;
    std::size_t size_ = 0;
    std::minstd_rand random_{1};
};

/// Sums of runs of a power of two (Fenwick 1994).
class FenwickTree {
public:
    static constexpr const char* name = "baseline_fenwick_tree";
    void set(std::uint32_t slot, std::uint32_t tickets) {
        while (slot >= tickets_.size()) {
            grow();
        }
        const std::uint64_t change = std::uint64_t{tickets} - tickets_[slot];
        tickets_[slot] = tickets;
        total_ += change;
        for (std::size_t i = slot + 1; i < sums_.size(); i += i & (0 - i)) {
            sums_[i] += change;
        }
    }
    [[nodiscard]] std::uint32_t find(std::uint64_t n) const noexcept {
        std::size_t at = 0;
        for (std::size_t step = tickets_.size(); step != 0; step /= 2) {
            if (at + step < sums_.size() && sums_[at + step] <= n) {
                at += step;
                n -= sums_[at];
            }
        }
        return static_cast<std::uint32_t>(at);
    }
    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }

private:
    /// To twice the size, a power of two: the last sum is that of all.
    void grow() {
        const std::size_t slots = std::max<std::size_t>(tickets_.size() * 2, 16);
        tickets_.resize(slots);
        sums_.resize(slots + 1);
        sums_[slots] = total_;
    }
    std::vector<std::uint32_t> tickets_;
    std::vector<std::uint64_t> sums_;
    std::uint64_t total_ = 0;
};

/// No structure at all: add up until the ticket is reached.
class TicketList {
public:
    static constexpr const char* name = "list_of_tickets";
    void set(std::uint32_t slot, std::uint32_t tickets) {
        if (slot >= tickets_.size()) {
            tickets_.resize(slot + 1);
        }
        total_ += std::uint64_t{tickets} - tickets_[slot];
        tickets_[slot] = tickets;
    }
    [[nodiscard]] std::uint32_t find(std::uint64_t n) const noexcept {
        std::uint32_t slot = 0;
        for (; n >= tickets_[slot]; ++slot) {
            n -= tickets_[slot];
        }
        return slot;
    }
    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }

private:
    std::vector<std::uint32_t> tickets_;
    std::uint64_t total_ = 0;
};

}  // namespace kidney::bench
