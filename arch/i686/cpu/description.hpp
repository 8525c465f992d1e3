/// The processor by CPUID.
#pragma once

#include "kidney/hal/cpu_description.hpp"

namespace kidney::arch {

/// Model of `hal::DescribedCpu`.
struct CpuidDescriber {
    static void describe(hal::CpuDescription& to) noexcept;
};
static_assert(hal::DescribedCpu<CpuidDescriber>);

}  // namespace kidney::arch
