/// PAE paging: three levels of 64-bit entries, 2 MiB large pages, execute-disable.
///
/// Intel SDM volume 3A, section 4.4, tables 4-8 to 4-11. The root is the page-directory-pointer
/// table with its four entries. Two traps: those entries have no rights bits (reserved, must be
/// zero), and the processor reads all four when CR3 is loaded, so a root entry must not change
/// while the tables are active. Needs EFER.NXE set; frames above 4 GiB are not used.
#pragma once

#include "kidney/hal/page_table_format.hpp"

#include <cstdint>

namespace kidney::arch {

struct Pae {
    using Entry = std::uint64_t;
    static constexpr unsigned levels = 3;
    static constexpr unsigned large_page_shift = 21;
    static constexpr bool has_no_execute = true;

    [[nodiscard]] static constexpr std::uint32_t entries(unsigned level) noexcept {
        return level == 2 ? 4 : 512;
    }
    [[nodiscard]] static constexpr std::uint32_t index(unsigned level, VirtAddr address) noexcept {
        return address.value() >> (page_shift + 9 * level) & (entries(level) - 1);
    }
    [[nodiscard]] static constexpr Entry leaf(FrameNumber frame, hal::PageFlags flags) noexcept {
        return frame.address().value() | present | bits_of(flags);
    }
    [[nodiscard]] static constexpr Entry large_leaf(FrameNumber frame,
                                                    hal::PageFlags flags) noexcept {
        return leaf(frame, flags) | large;
    }
    [[nodiscard]] static constexpr Entry table(unsigned level, FrameNumber frame) noexcept {
        return frame.address().value() | present | (level == 2 ? 0 : writable | user);
    }
    [[nodiscard]] static constexpr bool is_present(Entry entry) noexcept {
        return (entry & present) != 0;
    }
    [[nodiscard]] static constexpr FrameNumber frame_of(Entry entry) noexcept {
        return FrameNumber(static_cast<std::uint32_t>(entry) >> page_shift);
    }
    [[nodiscard]] static constexpr hal::PageFlags flags_of(Entry entry) noexcept {
        return {.writable = (entry & writable) != 0,
                .executable = (entry & no_execute) == 0,
                .user = (entry & user) != 0,
                .global = (entry & global) != 0,
                .uncached = (entry & cache_disable) != 0,
                .kind = static_cast<hal::PageKind>(static_cast<std::uint32_t>(entry) >> kind_shift &
                                                   3U)};
    }

private:
    static constexpr Entry present = 1U << 0;
    static constexpr Entry writable = 1U << 1;
    static constexpr Entry user = 1U << 2;
    static constexpr Entry cache_disable = 1U << 4;
    static constexpr Entry large = 1U << 7;
    static constexpr Entry global = 1U << 8;
    static constexpr unsigned kind_shift = 9;  ///< bits 9 to 11 are the system's
    static constexpr Entry no_execute = Entry{1} << 63;

    [[nodiscard]] static constexpr Entry bits_of(hal::PageFlags flags) noexcept {
        return (flags.writable ? writable : 0) | (flags.user ? user : 0) |
               (flags.global ? global : 0) | (flags.uncached ? cache_disable : 0) |
               static_cast<Entry>(flags.kind) << kind_shift | (flags.executable ? 0 : no_execute);
    }
};

static_assert(hal::PageTableFormat<Pae>);

}  // namespace kidney::arch
