/// What a debug kernel knows about locks beyond their ranks: in which orders they were taken and
/// from where, which of them interrupts take, who would have slept where nobody may, and which are
/// held for long.
///
/// Ranks (kernel/lock_ranks.hpp) forbid a wrong order; this remembers the orders that there were.
/// So a report has both sides: how the two came to be wanted this way round, and how that way
/// round. It needs each order once, at different times and without anybody waiting, to tell of a
/// deadlock.
///
/// A *kind* of lock is a rank. If B was ever wanted by who held A, the graph has an edge from A to
/// B; a circle in it is a deadlock for whoever is unlucky. Each edge is looked at once, when it is
/// new. What is known lies in tables of fixed size; when one is full it says so and goes on with
/// what it has.
#pragma once

#include "kidney/core/bounded.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/thread_safety.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/lock_watch.hpp"
#include "sched/sync/ticket_lock.hpp"

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

/// Addresses in the code, the innermost first; the outermost may be missing.
using LockStack = BoundedList<std::uintptr_t, 12>;

using LockPlaces = decltype(HeldRanks::Taking::places);

/// One edge, for reports: who held `held`, taken there, wanted `wanted` with that stack.
struct LockStep {
    const char* held = "";
    const char* wanted = "";
    LockPlaces places{};
    LockStack stack;
};
/// From the new edge round to its beginning; a longer circle is told in part.
using LockCircle = BoundedList<LockStep, 6>;

enum class MayNotSleep : std::uint8_t { under_spin_lock, in_interrupt, interrupts_off, preemption };

/// What is known about one kind of lock.
struct LockFigures {
    const char* name = "";
    hal::LockKind kind = hal::LockKind::spins;
    bool in_interrupts = false;  ///< interrupt handlers take it
    std::uint32_t taken = 0;
    std::uint32_t too_long = 0;  ///< how often it was held for more than the limit
    Duration longest;            ///< beyond the limit; else 0
    LockStack longest_stack;     ///< of who let it go then
};

/// The world that it watches. `Where` is the call that is heard of: places() of it is the end of
/// what led there, at little cost, and stack() all. The reports are made with interrupts as they
/// are, perhaps under any lock that is watched, and not again for the same.
template <class W>
concept LockWorld = hal::Cpu<typename W::Cpu> &&
                    requires(hal::LockKind kind, const LockCircle& circle, const char* name,
                             const LockStack& stack, MayNotSleep why, typename W::Where where) {
                        { W::now() } noexcept -> std::same_as<Instant>;
                        { W::places(where) } noexcept -> std::same_as<LockPlaces>;
                        { W::stack(where) } noexcept -> std::same_as<LockStack>;
                        { W::in_interrupt() } noexcept -> std::same_as<bool>;
                        { W::preemption_off() } noexcept -> std::same_as<bool>;
                        { W::limit(kind) } noexcept -> std::same_as<Duration>;
                        { W::report_circle(circle) } noexcept -> std::same_as<void>;
                        { W::report_interrupts(name, stack, stack) } noexcept;
                        { W::report_sleep(why, name, stack) } noexcept;
                        { W::report_full(name) } noexcept;
                    };

/// Concurrency: any. Cost of a lock whose edges are known: some twenty instructions and two looks
/// at the clock.
template <LockWorld World, std::size_t Kinds = 96, std::size_t Edges = 384>
class LockChecks {
    using Cpu = typename World::Cpu;
    template <class T>
    using Atomic = typename Cpu::template Atomic<T>;
    using Where = typename World::Where;
    using Index = std::uint8_t;  // of a kind; 0: none

public:
    // --- What a LockWatcher hears ---

    void wanted(const HeldRanks& held, const LockRank& rank, hal::LockKind kind,
                Where where) noexcept {
        if (held.depth() == 0) {
            return;
        }
        const Index to = index_of(rank, kind);
        // What lies below the innermost one has an edge to that already, unless nobody waited.
        for (std::size_t n = held.depth(); n-- > 0;) {
            const HeldRanks::Taking taking = held.taking_of(n);
            const Index from = index_of(*held.at(n), kind);
            if (from != 0 && to != 0 && !has_edge(from, to)) {
                add_edge(from, to, taking.places, where);
            }
            if (!taking.tried) {
                return;
            }
        }
    }

    void taken(HeldRanks& held, hal::LockKind kind, bool tried, Where where) noexcept {
        held.note({.places = World::places(where), .since = World::now(), .tried = tried});
        const Index index = index_of(*held.at(held.depth() - 1), kind);
        if (index == 0) {
            return;
        }
        kinds_[index].taken.fetch_add(1, std::memory_order_relaxed);
        if (kind == hal::LockKind::spins) {
            if (World::in_interrupt()) {
                note_use(index, use_in_interrupt, where);
            }
            if (Cpu::interrupts_enabled()) {
                note_use(index, use_interruptible, where);
            }
        }
    }

    void released(const HeldRanks& held, const LockRank& rank, hal::LockKind kind,
                  const HeldRanks::Taking& taking, bool interrupts_come, Where where) noexcept {
        if (taking.places[0] != 0) {
            const Duration time = World::now() - taking.since;
            if (time > World::limit(kind)) {
                note_long(index_of(rank, kind), time, where);
            }
        }
        // Of two that were released in the order in which they were taken, the second one is held
        // while interrupts come.
        if (interrupts_come) {
            for (std::size_t n = 0; n < held.depth(); ++n) {
                note_use(index_of(*held.at(n), kind), use_interruptible, where);
            }
        }
    }

    void may_sleep(Where where) noexcept {
        const HeldRanks& held = Cpu::held_ranks();
        if (held.depth() != 0) {
            note_sleep(MayNotSleep::under_spin_lock, held.innermost(), where);
        } else if (World::in_interrupt()) {
            note_sleep(MayNotSleep::in_interrupt, "", where);
        } else if (!Cpu::interrupts_enabled()) {
            note_sleep(MayNotSleep::interrupts_off, "", where);
        } else if (World::preemption_off()) {
            note_sleep(MayNotSleep::preemption, "", where);
        }
    }

    // --- What it knows ---

    [[nodiscard]] std::size_t kinds() const noexcept {
        return kinds_used_.load(std::memory_order_acquire);
    }
    [[nodiscard]] std::size_t edges() const noexcept {
        return edges_used_.load(std::memory_order_acquire);
    }
    static constexpr std::size_t most_kinds = Kinds;
    static constexpr std::size_t most_edges = Edges;

    /// Of the n-th kind that was seen, n < kinds().
    [[nodiscard]] LockFigures figures(std::size_t n) noexcept {
        const hal::InterruptGuard<Cpu> off;
        const LockGuard guard(lock_);
        const Kind& kind = kinds_[n + 1];
        return {
            .name = kind.name,
            .kind = kind.kind,
            .in_interrupts = (kind.uses.load(std::memory_order_relaxed) & use_in_interrupt) != 0,
            .taken = kind.taken.load(std::memory_order_relaxed),
            .too_long = kind.too_long,
            .longest = kind.longest,
            .longest_stack = kind.longest_stack};
    }

private:
    static constexpr std::uint32_t use_in_interrupt = 1, use_interruptible = 2;
    static_assert(Kinds < 256);

    struct Kind {
        const char* name = "";
        hal::LockKind kind = hal::LockKind::spins;
        Atomic<std::uint32_t> taken{0};
        Atomic<std::uint32_t> uses{0};
        // Under the lock of the tables.
        std::uint32_t too_long = 0;
        Duration longest;
        LockStack longest_stack;
        LockStack interrupt_stack;      ///< of the first time that an interrupt took it
        LockStack interruptible_stack;  ///< of the first time that it was held while one may come
    };
    struct Edge {
        Index from = 0, to = 0;
        LockPlaces places{};
        LockStack stack;
    };

    [[nodiscard]] Index index_of(const LockRank& rank, hal::LockKind kind) noexcept {
        const std::uint32_t index = index_[rank.value].load(std::memory_order_acquire);
        return static_cast<Index>(index != 0 ? index : add_kind(rank, kind));
    }
    [[nodiscard, gnu::noinline]] std::uint32_t add_kind(const LockRank& rank,
                                                        hal::LockKind kind) noexcept {
        bool is_full = false;
        std::uint32_t index = 0;
        {
            const hal::InterruptGuard<Cpu> off;
            const LockGuard guard(lock_);
            const std::size_t used = kinds_used_.load(std::memory_order_relaxed);
            index = index_[rank.value].load(std::memory_order_relaxed);
            is_full = index == 0 && used == Kinds;
            if (index == 0 && !is_full) {
                index = static_cast<std::uint32_t>(used + 1);
                kinds_[index].name = rank.name;
                kinds_[index].kind = kind;
                index_[rank.value].store(index, std::memory_order_release);
                kinds_used_.store(used + 1, std::memory_order_release);
            }
        }
        if (is_full && told_full_kinds_.exchange(1, std::memory_order_relaxed) == 0) {
            World::report_full("kinds");
        }
        return index;
    }

    [[nodiscard]] bool has_edge(Index from, Index to) const noexcept {
        return (follows_[from][to / 32].load(std::memory_order_relaxed) >> to % 32 & 1) != 0;
    }
    [[gnu::noinline]] void add_edge(Index from, Index to, const LockPlaces& places,
                                    Where where) noexcept {
        const LockStack stack = World::stack(where);
        LockCircle circle;
        bool is_full = false;
        {
            const hal::InterruptGuard<Cpu> off;
            const LockGuard guard(lock_);
            if (has_edge(from, to)) {
                return;
            }
            circle.push({kinds_[from].name, kinds_[to].name, places, stack});
            if (!find_path(to, from, circle)) {
                circle = {};
            }
            const std::size_t used = edges_used_.load(std::memory_order_relaxed);
            is_full = used == Edges;
            if (!is_full) {
                edges_[used] = {from, to, places, stack};
                edges_used_.store(used + 1, std::memory_order_release);
            }
            // Known from now on, even if its stack is not.
            follows_[from][to / 32].fetch_or(1U << to % 32, std::memory_order_relaxed);
        }
        if (is_full && told_full_edges_.exchange(1, std::memory_order_relaxed) == 0) {
            World::report_full("orders");
        }
        if (!circle.view().empty()) {
            World::report_circle(circle);
        }
    }

    /// Adds the edges of a shortest path to `circle`. False: there is none. From a kind to itself
    /// it has no edges.
    [[nodiscard]] bool find_path(Index from, Index to, LockCircle& circle) noexcept
        REQUIRES(lock_) {
        std::array<Index, Kinds + 1> came_from{};
        std::array<Index, Kinds + 1> queue{};
        std::size_t end = 0;
        queue[end++] = to;  // backwards, so that the steps come out in their order
        came_from[to] = to;
        for (std::size_t next = 0; next < end && came_from[from] == 0; ++next) {
            for (std::size_t before = 1; before <= Kinds; ++before) {
                const auto index = static_cast<Index>(before);
                if (came_from[before] == 0 && has_edge(index, queue[next])) {
                    came_from[before] = queue[next];
                    queue[end++] = index;
                }
            }
        }
        if (came_from[from] == 0) {
            return false;
        }
        for (Index at = from; at != to; at = came_from[at]) {
            circle.push(step(at, came_from[at]));
        }
        return true;
    }
    [[nodiscard]] LockStep step(Index from, Index to) const noexcept REQUIRES(lock_) {
        LockStep step{kinds_[from].name, kinds_[to].name, {}, {}};
        for (std::size_t n = 0; n < edges_used_.load(std::memory_order_relaxed); ++n) {
            if (edges_[n].from == from && edges_[n].to == to) {
                step.places = edges_[n].places;
                step.stack = edges_[n].stack;
            }
        }
        return step;
    }

    void note_use(Index index, std::uint32_t use, Where where) noexcept {
        if (index != 0 && (kinds_[index].uses.load(std::memory_order_relaxed) & use) == 0) {
            add_use(index, use, where);
        }
    }
    [[gnu::noinline]] void add_use(Index index, std::uint32_t use, Where where) noexcept {
        const LockStack stack = World::stack(where);
        LockStack interrupt, interruptible;
        Kind& kind = kinds_[index];
        {
            const hal::InterruptGuard<Cpu> off;
            const LockGuard guard(lock_);
            const std::uint32_t before = kind.uses.fetch_or(use, std::memory_order_relaxed);
            if ((before & use) != 0) {
                return;
            }
            (use == use_in_interrupt ? kind.interrupt_stack : kind.interruptible_stack) = stack;
            if ((before | use) != (use_in_interrupt | use_interruptible)) {
                return;
            }
            interrupt = kind.interrupt_stack;
            interruptible = kind.interruptible_stack;
        }
        World::report_interrupts(kind.name, interrupt, interruptible);
    }

    [[gnu::noinline]] void note_long(Index index, Duration time, Where where) noexcept {
        if (index == 0) {
            return;
        }
        const LockStack stack = World::stack(where);
        const hal::InterruptGuard<Cpu> off;
        const LockGuard guard(lock_);
        Kind& kind = kinds_[index];
        ++kind.too_long;
        if (time > kind.longest) {
            kind.longest = time;
            kind.longest_stack = stack;
        }
    }

    /// Once per place, as far as the table goes.
    [[gnu::noinline]] void note_sleep(MayNotSleep why, const char* name, Where where) noexcept {
        const LockStack stack = World::stack(where);
        std::uint32_t place = static_cast<std::uint32_t>(why) + 1;
        for (const std::uintptr_t call : stack.view()) {
            place = place * 16777619U ^ static_cast<std::uint32_t>(call);  // FNV
        }
        place |= 1;  // 0 is a free entry
        for (Atomic<std::uint32_t>& told : sleeps_told_) {
            std::uint32_t expected = 0;
            if (told.compare_exchange_strong(expected, place, std::memory_order_relaxed)) {
                World::report_sleep(why, name, stack);
                return;
            }
            if (expected == place) {
                return;
            }
        }
        if (told_full_sleeps_.exchange(1, std::memory_order_relaxed) == 0) {
            World::report_full("sleeps");
        }
    }

    // Not a lock that is watched. Interrupts are off under it, and nothing is called.
    TicketLock<Cpu> lock_;
    std::array<Atomic<std::uint32_t>, 256> index_{};  ///< by value of rank
    std::array<Kind, Kinds + 1> kinds_{};             ///< index 0 is nobody's
    /// Bit `to` of row `from`: the edge is known. Written under the lock, read without.
    std::array<std::array<Atomic<std::uint32_t>, Kinds / 32 + 1>, Kinds + 1> follows_{};
    std::array<Edge, Edges> edges_{};
    Atomic<std::size_t> kinds_used_{0}, edges_used_{0};
    std::array<Atomic<std::uint32_t>, 32> sleeps_told_{};
    Atomic<std::uint32_t> told_full_kinds_{0}, told_full_edges_{0}, told_full_sleeps_{0};
};

}  // namespace kidney::sched
