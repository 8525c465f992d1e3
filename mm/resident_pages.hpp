/// How many pages of an address space are present: counted as they come and go, so that asking
/// costs nothing.
#pragma once

#include "kidney/hal/page_table_format.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// The counts at one moment, by hal::PageKind.
struct ResidentPages {
    std::uint32_t anonymous = 0;
    std::uint32_t file = 0;
    std::uint32_t shared_memory = 0;
    std::uint32_t peak = 0;  ///< the most that were ever present at once

    [[nodiscard]] constexpr std::uint32_t total() const noexcept {
        return anonymous + file + shared_memory;
    }
};

/// Concurrency: the address space's lock serialises changes; anybody may read at any time.
class ResidentCounter {
public:
    void add(hal::PageKind kind) noexcept { set(kind, get(kind) + 1); }
    void remove(hal::PageKind kind) noexcept { set(kind, get(kind) - 1); }
    /// Pages are about to go: what was there counts for the peak.
    void note_peak() noexcept { peak_.store(peak(), std::memory_order_relaxed); }
    /// A copy of a whole space has the same pages.
    void copy(const ResidentCounter& other) noexcept {
        for (std::size_t n = 0; n < counts_.size(); ++n) {
            counts_[n].store(other.counts_[n].load(std::memory_order_relaxed),
                             std::memory_order_relaxed);
        }
    }
    [[nodiscard]] std::uint32_t total() const noexcept {
        return get(hal::PageKind::anonymous) + get(hal::PageKind::file) +
               get(hal::PageKind::shared_memory);
    }
    [[nodiscard]] ResidentPages read() const noexcept {
        return {get(hal::PageKind::anonymous), get(hal::PageKind::file),
                get(hal::PageKind::shared_memory), peak()};
    }

private:
    [[nodiscard]] std::uint32_t get(hal::PageKind kind) const noexcept {
        return counts_[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
    }
    void set(hal::PageKind kind, std::uint32_t value) noexcept {
        counts_[static_cast<std::size_t>(kind)].store(value, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint32_t peak() const noexcept {
        return std::max(total(), peak_.load(std::memory_order_relaxed));
    }

    // Relaxed: numbers for people, and for choices that may be a page off.
    std::array<std::atomic<std::uint32_t>, hal::page_kinds> counts_{};
    std::atomic<std::uint32_t> peak_{0};
};

}  // namespace kidney::mm
