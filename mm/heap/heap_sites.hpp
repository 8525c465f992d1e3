/// The live objects by the place that allocated them, counted on every CPU for itself.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/per_cpu.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// The live objects that one place has allocated.
struct HeapSite {
    std::uintptr_t at = 0;  ///< return address; 0: places for which the table had no room
    std::size_t objects = 0;
    std::size_t bytes = 0;
};

/// The table of places is everybody's and only grows: an entry is claimed once, for good, and then
/// only read. The counts wrap, as who allocates here may free there; their sums are right.
/// Concurrency: count() pinned, the rest anywhere; sums are exact while nobody counts. Cost of
/// count(): a look into a hash table, no atomic read-modify-write. Memory: 34 KiB for eight CPUs.
template <class Cpu>
    requires hal::CpuIdentity<Cpu> && hal::AtomicsProvider<Cpu>
class HeapSites {
public:
    static constexpr std::size_t most = 512;

    /// Adds; what is gone is added as its complement.
    void count(std::uintptr_t at, std::size_t objects, std::size_t bytes) noexcept {
        Local& local = locals_.mine();
        Counts& counts = local.sites[place_of(at)];
        add(counts.objects, objects);
        add(counts.bytes, bytes);
        add(local.bytes, bytes);
    }
    /// The n-th place, for n below `most`.
    [[nodiscard]] HeapSite site(std::size_t n) const noexcept {
        HeapSite sum{places_[n].load(std::memory_order_relaxed)};
        locals_.for_each([&](const Local& local) noexcept {
            sum.objects += local.sites[n].objects.load(std::memory_order_relaxed);
            sum.bytes += local.sites[n].bytes.load(std::memory_order_relaxed);
        });
        return sum;
    }
    /// Of all places.
    [[nodiscard]] std::size_t bytes() const noexcept {
        std::size_t sum = 0;
        locals_.for_each([&](const Local& local) noexcept {
            sum += local.bytes.load(std::memory_order_relaxed);
        });
        return sum;
    }

private:
    template <class T>
    using Atomic = typename Cpu::template Atomic<T>;
    struct Counts {
        Atomic<std::size_t> objects{0};
        Atomic<std::size_t> bytes{0};
    };
    struct Local {
        std::array<Counts, most> sites{};
        Atomic<std::size_t> bytes{0};
    };

    /// Nobody else writes it.
    static void add(Atomic<std::size_t>& count, std::size_t n) noexcept {
        count.store(count.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    /// Open addressing. Who had no room is with the others, in entry 0.
    [[nodiscard]] std::size_t place_of(std::uintptr_t at) noexcept {
        constexpr std::size_t places = most - 1;
        std::size_t n = (at >> 2) % places;
        for (std::size_t looks = 0; looks < places; ++looks, n = (n + 1) % places) {
            Atomic<std::uintptr_t>& place = places_[n + 1];
            // relaxed: nothing but the word itself is published.
            std::uintptr_t there = place.load(std::memory_order_relaxed);
            if (there == at ||
                (there == 0 && (place.compare_exchange_strong(there, at) || there == at))) {
                return n + 1;
            }
        }
        return 0;
    }

    std::array<Atomic<std::uintptr_t>, most> places_{};
    hal::PerCpu<Local, Cpu> locals_;
};

}  // namespace kidney::mm
