/// The laws of `hal::PageTableFormat`, G1 to G4. Freestanding.
#pragma once

#include "kidney/hal/page_table_format.hpp"
#include "tests/laws/report.hpp"

#include <cstdint>

namespace kidney::laws::page_table_format {

/// All combinations of flags.
[[nodiscard]] constexpr hal::PageFlags flags_number(unsigned n) noexcept {
    return {.writable = (n & 1) != 0,
            .executable = (n & 2) != 0,
            .user = (n & 4) != 0,
            .global = (n & 8) != 0,
            .uncached = (n & 16) != 0,
            .kind = static_cast<hal::PageKind>(n >> 5)};
}
inline constexpr unsigned combinations = 32 * hal::page_kinds;

template <hal::PageTableFormat F>
struct G1 {
    static constexpr const char* text = "G1 a leaf gives back its frame and flags";
    static void check(Report& report, std::uint32_t seed) noexcept {
        Random random(seed);
        for (unsigned n = 0; n < combinations; ++n) {
            const FrameNumber frame(random.next() >> page_shift);
            const FrameNumber large(frame.value() &
                                    ~((1U << (F::large_page_shift - page_shift)) - 1));
            hal::PageFlags expected = flags_number(n);
            expected.executable = expected.executable || !F::has_no_execute;
            const auto entry = F::leaf(frame, flags_number(n));
            LAW_CHECK(report, F::is_present(entry));
            LAW_CHECK(report, F::frame_of(entry) == frame);
            LAW_CHECK(report, F::flags_of(entry) == expected);
            const auto large_entry = F::large_leaf(large, flags_number(n));
            LAW_CHECK(report, F::is_present(large_entry) && F::frame_of(large_entry) == large);
            LAW_CHECK(report, F::flags_of(large_entry) == expected);
        }
    }
};

template <hal::PageTableFormat F>
struct G2 {
    static constexpr const char* text = "G2 an all-zero entry is not present";
    static void check(Report& report, std::uint32_t) noexcept {
        LAW_CHECK(report, !F::is_present(typename F::Entry{0}));
    }
};

template <hal::PageTableFormat F>
struct G3 {
    static constexpr const char* text = "G3 a table entry is present and gives back its frame";
    static void check(Report& report, std::uint32_t seed) noexcept {
        Random random(seed);
        for (unsigned level = 1; level < F::levels; ++level) {
            const FrameNumber frame(random.next() >> page_shift);
            LAW_CHECK(report, F::is_present(F::table(level, frame)));
            LAW_CHECK(report, F::frame_of(F::table(level, frame)) == frame);
        }
    }
};

template <hal::PageTableFormat F>
struct G4 {
    static constexpr const char* text = "G4 indices and offset identify an address";
    static void check(Report& report, std::uint32_t seed) noexcept {
        Random random(seed);
        for (unsigned n = 0; n < 200; ++n) {
            const VirtAddr address(random.next());
            std::uint64_t rebuilt = 0;
            for (unsigned level = F::levels; level-- > 0;) {
                LAW_CHECK(report, F::index(level, address) < F::entries(level));
                rebuilt = rebuilt * F::entries(level) + F::index(level, address);
            }
            LAW_CHECK(report, (rebuilt << page_shift | address.page_offset()) == address.value());
        }
    }
};

}  // namespace kidney::laws::page_table_format

namespace kidney::laws {

/// Argument: a seed.
template <hal::PageTableFormat F>
using PageTableFormatLaws = TypeList<page_table_format::G1<F>, page_table_format::G2<F>,
                                     page_table_format::G3<F>, page_table_format::G4<F>>;

}  // namespace kidney::laws
