/// What the limits of a process allow.
#include "proc/limits.hpp"

#include <gtest/gtest.h>

namespace kidney::proc {
namespace {

Limits with(std::uint32_t resource, std::uint64_t current, std::uint64_t maximum = unlimited) {
    Limits limits;
    EXPECT_TRUE(limits.set(resource, {current, maximum}, true));
    return limits;
}

TEST(Limits, OnlyThePrivilegedRaiseAMaximum) {
    Limits limits = with(abi::limit_file_size, 10, 20);
    EXPECT_TRUE(limits.set(abi::limit_file_size, {20, 20}, false));
    EXPECT_EQ(limits.set(abi::limit_file_size, {20, 21}, false).error(), Errc::not_permitted);
    EXPECT_EQ(limits.set(abi::limit_file_size, {21, 20}, true).error(), Errc::invalid_argument);
    EXPECT_TRUE(limits.set(abi::limit_file_size, {20, 21}, true));
    EXPECT_EQ(limits.set(abi::limit_kinds, {}, true).error(), Errc::invalid_argument);
}

TEST(Limits, TheNumberOfProcessesFollowsTheMemory) {
    static_assert(processes_for(4096) == 128);   // 16 MiB
    static_assert(processes_for(16384) == 512);  // 64 MiB
    static_assert(processes_for(900'000) == 3000);
    static_assert(processes_for(100) == 64);
    static_assert(slots_for_root(512) == 32 && slots_for_root(64) == 8);
    Limits limits;
    limits.set_for(512);
    EXPECT_EQ(limits.current(abi::limit_processes), 256U);
    EXPECT_EQ(limits.get(abi::limit_pending_signals)->maximum, 256U);
}

TEST(Limits, AFileMayShrinkBeyondItsLimit) {
    const Limits limits = with(abi::limit_file_size, 1000);
    EXPECT_TRUE(limits.allows_file_size(0, 1000));
    EXPECT_FALSE(limits.allows_file_size(0, 1001));
    EXPECT_FALSE(limits.allows_file_size(2000, 2001));
    EXPECT_TRUE(limits.allows_file_size(2000, 1500));
}

TEST(Limits, MemoryCountsTwice) {
    const Limits space = with(abi::limit_address_space, 100);
    EXPECT_TRUE(space.limits_memory());
    EXPECT_TRUE(space.allows_memory(60, 0, 40, false));
    EXPECT_FALSE(space.allows_memory(60, 0, 41, false));

    const Limits data = with(abi::limit_data, 100);
    EXPECT_TRUE(data.limits_memory());
    EXPECT_TRUE(data.allows_memory(1000, 60, 40, true));
    EXPECT_FALSE(data.allows_memory(1000, 60, 41, true));
    EXPECT_TRUE(data.allows_memory(1000, 60, 41, false));

    EXPECT_FALSE(Limits().limits_memory());
    EXPECT_TRUE(Limits().allows_memory(1U << 30, 1U << 30, ~0U, true));
}

TEST(Limits, CpuTimeIsWarnedOfEachSecondAndThenEnds) {
    Limits limits = with(abi::limit_cpu, 1, 3);
    EXPECT_EQ(limits.judge_cpu_time(Duration::milliseconds(999)), CpuVerdict::go_on);
    EXPECT_EQ(limits.judge_cpu_time(Duration::milliseconds(1000)), CpuVerdict::warn);
    EXPECT_EQ(limits.judge_cpu_time(Duration::milliseconds(1010)), CpuVerdict::go_on);
    EXPECT_EQ(limits.judge_cpu_time(Duration::milliseconds(2000)), CpuVerdict::warn);
    EXPECT_EQ(limits.judge_cpu_time(Duration::milliseconds(2990)), CpuVerdict::go_on);
    EXPECT_EQ(limits.judge_cpu_time(Duration::milliseconds(3000)), CpuVerdict::end);
    EXPECT_EQ(limits.judge_cpu_time(Duration::milliseconds(9000)), CpuVerdict::end);
}

TEST(Limits, TheHardLimitEndsAtOnce) {
    Limits limits = with(abi::limit_cpu, 1, 1);
    EXPECT_TRUE(limits.limits_cpu_time());
    EXPECT_EQ(limits.judge_cpu_time(Duration::milliseconds(1000)), CpuVerdict::end);
    Limits none;
    EXPECT_FALSE(none.limits_cpu_time());
    EXPECT_EQ(none.judge_cpu_time(Duration::seconds(1'000'000)), CpuVerdict::go_on);
}

TEST(Limits, OfFilesThereIsAnEndForRootToo) {
    Limits limits;
    EXPECT_TRUE(limits.set(abi::limit_open_files, {10, 1U << 20}, true));
    EXPECT_EQ(limits.set(abi::limit_open_files, {10, (1U << 20) + 1}, true).error(),
              Errc::not_permitted);
}

}  // namespace
}  // namespace kidney::proc
