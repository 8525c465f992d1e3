/// Which CPUs run.
#pragma once

#include "kidney/core/cpu_id.hpp"

namespace kidney::arch {

/// Only ever grows, while booting.
[[nodiscard]] CpuSet online_cpus() noexcept;
void set_online(CpuId cpu) noexcept;

}  // namespace kidney::arch
