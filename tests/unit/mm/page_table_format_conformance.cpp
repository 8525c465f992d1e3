/// Both page-table formats must pass every law; and the bits the manuals name.
#include "arch/i686/mm/pae.hpp"
#include "arch/i686/mm/two_level.hpp"
#include "tests/laws/page_table_format_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

namespace kidney {
namespace {

template <class F>
class PageTableFormatConformance : public testing::Test {};

using Formats = testing::Types<arch::TwoLevel, arch::Pae>;
TYPED_TEST_SUITE(PageTableFormatConformance, Formats);

TYPED_TEST(PageTableFormatConformance, Laws) {
    test::LawReport report;
    laws::run_laws<laws::PageTableFormatLaws<TypeParam>>(report, 11U);
    test::expect_laws_held(report);
}

// Intel SDM volume 3A, tables 4-6 and 4-11.
constexpr hal::PageFlags user_data{.writable = true, .executable = false, .user = true};
static_assert(arch::TwoLevel::leaf(FrameNumber(0x12345), user_data) == 0x12345007);
static_assert(arch::TwoLevel::large_leaf(FrameNumber(0x400), {.global = true}) == 0x00400181);
static_assert(arch::TwoLevel::index(1, VirtAddr(0xC0000000)) == 768);
static_assert(arch::Pae::leaf(FrameNumber(0x12345), user_data) == 0x8000'0000'1234'5007);
static_assert(arch::Pae::table(2, FrameNumber(1)) == 0x1001);
static_assert(arch::Pae::table(1, FrameNumber(1)) == 0x1007);
static_assert(arch::Pae::index(2, VirtAddr(0xC0000000)) == 3);

// Near-misses: each breaks one requirement.
struct Base : arch::TwoLevel {};
struct TableWithoutLevel : Base {
    static Entry table(FrameNumber) noexcept;
};
struct OneLevel : Base {
    static constexpr unsigned levels = 1;
};
struct SignedEntry : Base {
    using Entry = int;
};
struct MayThrow : Base {
    static bool is_present(Entry);
};
static_assert(hal::PageTableFormat<Base>);
static_assert(!hal::PageTableFormat<TableWithoutLevel>);
static_assert(!hal::PageTableFormat<OneLevel>);
static_assert(!hal::PageTableFormat<SignedEntry>);
static_assert(!hal::PageTableFormat<MayThrow>);

}  // namespace
}  // namespace kidney
