/// What /proc says about processes.
#pragma once

#include "fs/procfs/process_source.hpp"

namespace kidney::kernel {

/// Once, at boot. Any thread may ask it.
[[nodiscard]] fs::ProcessSource& create_process_source() noexcept;

}  // namespace kidney::kernel
