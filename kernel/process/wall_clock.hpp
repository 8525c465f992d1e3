/// The time of day: the monotonic clock plus what it was at boot.
#pragma once

#include "kidney/core/time.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Nanoseconds since 1970-01-01 UTC now.
[[nodiscard]] Duration wall_clock() noexcept;
/// From boot (the battery-backed clock) and clock_settime.
void set_wall_clock(Duration since_epoch) noexcept;

/// For time stamps of files (fs::FileClock).
[[nodiscard]] fs::FileTime wall_time() noexcept;
struct WallFileClock {
    [[nodiscard]] fs::FileTime operator()() const noexcept { return wall_time(); }
};

}  // namespace kidney::kernel
