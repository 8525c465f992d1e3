/// Who there is: gives each thread a slot, and the policies of all CPUs tables that are large
/// enough.
///
/// Tables grow when a thread is made, where somebody can still be told that there is no memory;
/// afterwards nothing that a policy does can fail. They never shrink.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/thread_safety.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/dispatcher_config.hpp"
#include "sched/placement.hpp"
#include "sched/sync/ranked_lock.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

/// For policies that keep no tables it does nothing. The lowest free slot is taken, so that the
/// same threads have the same slots in every run. Concurrency: any thread.
template <DispatcherConfig Config>
class Roster {
public:
    using Policy = typename Config::Policy;
    using Cpu = typename Config::Cpu;

    Roster() noexcept { lock_.set_rank(Config::roster_rank); }

    /// Before the entity begins. `memory` is the same at each call. Errors: no_memory. Cost: O(n)
    /// if tables grow, which they do by doubling, else O(n / 32).
    template <mm::ObjectAllocator Memory>
    [[nodiscard]] Status admit(Entity& entity, Placement<Config>& cpus, Memory& memory) noexcept {
        if constexpr (KeepsTables<Policy>) {
            while (!take_slot(entity)) {
                TRY(grow(cpus, memory));
            }
        }
        return {};
    }
    /// When it has ended, or will never begin.
    void dismiss(const Entity& entity) noexcept {
        if constexpr (KeepsTables<Policy>) {
            const hal::InterruptGuard<Cpu> off;
            const LockGuard guard(lock_);
            taken_[entity.slot / 32] &= ~(1U << entity.slot % 32);
        }
    }

private:
    /// A bit for each slot, behind them the tables of all CPUs.
    [[nodiscard]] static constexpr std::size_t table_bytes(std::uint32_t capacity) noexcept {
        return (or_default::table_bytes<Policy>(capacity) + 63) & ~std::size_t{63};
    }
    [[nodiscard]] static constexpr std::size_t bytes_for(std::uint32_t capacity) noexcept {
        return max_cpus * table_bytes(capacity) + capacity / 8;
    }
    static constexpr std::uint32_t first_capacity = 64;

    [[nodiscard]] bool take_slot(Entity& entity) noexcept {
        const hal::InterruptGuard<Cpu> off;
        const LockGuard guard(lock_);
        for (std::uint32_t word = 0; word < capacity_ / 32; ++word) {
            if (taken_[word] != ~0U) {
                const auto bit = static_cast<std::uint32_t>(std::countr_one(taken_[word]));
                taken_[word] |= 1U << bit;
                entity.slot = word * 32 + bit;
                return true;
            }
        }
        return false;
    }
    /// Twice as many slots, unless somebody else was faster.
    template <mm::ObjectAllocator Memory>
    [[nodiscard]] Status grow(Placement<Config>& cpus, Memory& memory) noexcept {
        const std::uint32_t capacity = std::max(2 * this->capacity(), first_capacity);
        std::span<std::byte> fresh{
            static_cast<std::byte*>(TRY(memory.allocate(bytes_for(capacity)))),
            bytes_for(capacity)};
        {
            const hal::InterruptGuard<Cpu> off;
            const LockGuard guard(lock_);
            if (capacity > capacity_) {
                move_to(fresh, capacity, cpus);
            }
        }
        if (!fresh.empty()) {
            memory.free(fresh.data(), fresh.size());
        }
        return {};
    }
    /// `memory` is then what was used before.
    void move_to(std::span<std::byte>& memory, std::uint32_t capacity,
                 Placement<Config>& cpus) noexcept REQUIRES(lock_) {
        const std::size_t bytes = table_bytes(capacity);
        for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
            auto& queue = cpus.of(CpuId(cpu));
            const LockGuard guard(queue.lock);
            or_default::use_tables(queue.policy, memory.subspan(cpu * bytes, bytes), capacity);
        }
        auto* const taken = reinterpret_cast<std::uint32_t*>(memory.data() + max_cpus * bytes);
        std::fill_n(std::copy_n(taken_, capacity_ / 32, taken), (capacity - capacity_) / 32, 0U);
        taken_ = taken;
        capacity_ = capacity;
        std::swap(memory, memory_);
    }
    [[nodiscard]] std::uint32_t capacity() noexcept {
        const hal::InterruptGuard<Cpu> off;
        const LockGuard guard(lock_);
        return capacity_;
    }

    RankedLock<Cpu> lock_;
    std::uint32_t capacity_ GUARDED_BY(lock_) = 0;
    std::uint32_t* taken_ GUARDED_BY(lock_) = nullptr;
    std::span<std::byte> memory_ GUARDED_BY(lock_);
};

}  // namespace kidney::sched
