/// What a processor says about itself, for /proc/cpuinfo.
#pragma once

#include "kidney/core/bounded.hpp"

#include <concepts>
#include <cstdint>

namespace kidney::hal {

struct CpuDescription {
    BoundedText<16> vendor;
    BoundedText<48> name;  ///< as in advertisements; empty if it does not say
    std::uint32_t family = 0, model = 0, stepping = 0;
    BoundedText<640> features;  ///< Linux's names for them, separated by blanks
    std::uint64_t hertz = 0;    ///< of its time-stamp counter
};

/// Laws: it describes the processor that executes the call; the answer never changes. Any context.
template <class C>
concept DescribedCpu = requires(CpuDescription& to) {
    { C::describe(to) } noexcept -> std::same_as<void>;
};

}  // namespace kidney::hal
