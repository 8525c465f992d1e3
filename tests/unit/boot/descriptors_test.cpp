#include "arch/i686/cpu/descriptors.hpp"

#include "arch/i686/trap/trap_frame.hpp"

#include <gtest/gtest.h>

namespace kidney::arch {
namespace {

using Type = SegmentDescriptor::Type;

TEST(SegmentDescriptor, FlatSegmentsLookAsInTheManual) {
    const auto user_data =
        SegmentDescriptor::make(0, 0xffff'ffff, Type::data_read_write, Privilege::user);
    EXPECT_EQ(user_data.low, 0x0000'ffffU);
    EXPECT_EQ(user_data.high, 0x00cf'f200U);
}

TEST(SegmentDescriptor, BaseAndLimitAreSpreadOverTheEntry) {
    const auto task =
        SegmentDescriptor::make(0xc012'3456, sizeof(TaskState) - 1, Type::task, Privilege::kernel);
    EXPECT_EQ(task.low, 0x3456'0067U);
    EXPECT_EQ(task.high, 0xc000'8912U) << "an available 32-bit TSS, limit in bytes";
}

TEST(GateDescriptor, PrivilegeDecidesWhoMayUseInt) {
    using Gate = GateDescriptor::Type;
    const auto user =
        GateDescriptor::make(0xc010'1000, selector::kernel_code, Gate::trap, Privilege::user);
    const auto kernel = GateDescriptor::make(0xc010'1000, selector::kernel_code, Gate::interrupt,
                                             Privilege::kernel);
    EXPECT_EQ(user.high, 0xc010'ef00U);
    EXPECT_EQ(kernel.high, 0xc010'8e00U);
    EXPECT_EQ(user.low, 0x0060'1000U);
}

TEST(TrapFrame, AProgramStartsInUserModeWithInterruptsOn) {
    const hal::TrapFrame frame = user_start_frame(VirtAddr(0x8048000), VirtAddr(0xbffff000));
    EXPECT_TRUE(frame.from_user());
    EXPECT_NE(frame.eflags & eflags::interrupt, 0U);
    EXPECT_EQ(frame.ss, selector::user_data);
    EXPECT_EQ(frame.eip, 0x8048000U);
}

TEST(TrapFrame, NoPrivilegedFlagCanBeChangedBySignalFrames) {
    constexpr std::uint32_t io_privilege = 3U << 12;
    constexpr std::uint32_t nested_task = 1U << 14;
    constexpr std::uint32_t virtual_8086 = 1U << 17;
    EXPECT_EQ(
        eflags::user_changeable & (io_privilege | nested_task | virtual_8086 | eflags::interrupt),
        0U);
}

}  // namespace
}  // namespace kidney::arch
