#include "kidney/hal/per_cpu.hpp"

#include "sim/explorer.hpp"
#include "tests/archetypes/hal.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace kidney {
namespace {

/// Which CPU the test plays.
struct PlayedCpu {
    static inline std::uint32_t now = 0;
    static CpuId id() noexcept { return CpuId(now); }
};

TEST(PerCpu, EachCpuHasItsOwnOnLinesOfItsOwn) {
    hal::PerCpu<int, PlayedCpu> values;
    for (PlayedCpu::now = 0; PlayedCpu::now < max_cpus; ++PlayedCpu::now) {
        EXPECT_EQ(values.mine(), 0);
        values.mine() = 10 + static_cast<int>(PlayedCpu::now);
    }
    int sum = 0;
    values.for_each([&](int& value) { sum += value; });
    EXPECT_EQ(sum, 10 + 11 + 12 + 13 + 14 + 15 + 16 + 17);
    const auto line = [&](std::uint32_t cpu) {
        return reinterpret_cast<std::uintptr_t>(&values.of(CpuId(cpu))) / values.cache_line;
    };
    for (std::uint32_t cpu = 1; cpu < max_cpus; ++cpu) {
        EXPECT_NE(line(cpu - 1), line(cpu));
    }
}

/// Counts as a kernel's does.
struct CountingPreemption {
    static inline int depth = 0;
    static void disable() noexcept { ++depth; }
    static void enable() noexcept { --depth; }
};

TEST(CpuPin, NestsAndEndsWithItsScope) {
    using Pin = hal::Pinned<CountingPreemption>;
    static_assert(hal::CpuPin<Pin> && hal::CpuPin<hal::InterruptGuard<sim::ExploredCpu>>);
    {
        const Pin outer;
        {
            const Pin inner;
            EXPECT_EQ(CountingPreemption::depth, 2);
        }
        EXPECT_EQ(CountingPreemption::depth, 1);
    }
    EXPECT_EQ(CountingPreemption::depth, 0);
}

}  // namespace
}  // namespace kidney
