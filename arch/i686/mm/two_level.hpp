/// 32-bit paging: two levels of 1024 entries, 4 MiB large pages, no execute-disable bit.
///
/// Intel SDM volume 3A, section 4.3, tables 4-4 to 4-6. Bits only; pure functions, tested on the
/// host.
#pragma once

#include "kidney/hal/page_table_format.hpp"

#include <cstdint>

namespace kidney::arch {

struct TwoLevel {
    using Entry = std::uint32_t;
    static constexpr unsigned levels = 2;
    static constexpr unsigned large_page_shift = 22;
    static constexpr bool has_no_execute = false;

    [[nodiscard]] static constexpr std::uint32_t entries(unsigned) noexcept { return 1024; }
    [[nodiscard]] static constexpr std::uint32_t index(unsigned level, VirtAddr address) noexcept {
        return address.value() >> (page_shift + 10 * level) & 1023U;
    }
    [[nodiscard]] static constexpr Entry leaf(FrameNumber frame, hal::PageFlags flags) noexcept {
        return frame.address().value() | present | bits_of(flags);
    }
    [[nodiscard]] static constexpr Entry large_leaf(FrameNumber frame,
                                                    hal::PageFlags flags) noexcept {
        return leaf(frame, flags) | large;
    }
    [[nodiscard]] static constexpr Entry table(unsigned, FrameNumber frame) noexcept {
        return frame.address().value() | present | writable | user;
    }
    [[nodiscard]] static constexpr bool is_present(Entry entry) noexcept {
        return (entry & present) != 0;
    }
    [[nodiscard]] static constexpr FrameNumber frame_of(Entry entry) noexcept {
        return FrameNumber(entry >> page_shift);
    }
    [[nodiscard]] static constexpr hal::PageFlags flags_of(Entry entry) noexcept {
        return {.writable = (entry & writable) != 0,
                .executable = true,
                .user = (entry & user) != 0,
                .global = (entry & global) != 0,
                .uncached = (entry & cache_disable) != 0,
                .kind = static_cast<hal::PageKind>(entry >> kind_shift & 3U)};
    }

private:
    static constexpr Entry present = 1U << 0;
    static constexpr Entry writable = 1U << 1;
    static constexpr Entry user = 1U << 2;
    static constexpr Entry cache_disable = 1U << 4;
    static constexpr Entry large = 1U << 7;
    static constexpr Entry global = 1U << 8;
    static constexpr unsigned kind_shift = 9;  ///< bits 9 to 11 are the system's

    [[nodiscard]] static constexpr Entry bits_of(hal::PageFlags flags) noexcept {
        return (flags.writable ? writable : 0) | (flags.user ? user : 0) |
               (flags.global ? global : 0) | (flags.uncached ? cache_disable : 0) |
               static_cast<Entry>(flags.kind) << kind_shift;
    }
};

static_assert(hal::PageTableFormat<TwoLevel>);

}  // namespace kidney::arch
