#include "kernel/process/wall_clock.hpp"

#include "kernel/config.hpp"

#include <atomic>

namespace kidney::kernel {
namespace {

/// Wall clock minus monotonic clock. 32-bit machines read 64 bits in two steps; atomic is one.
constinit std::atomic<std::int64_t> offset{0};

}  // namespace

Duration wall_clock() noexcept {
    const auto now = static_cast<std::int64_t>(Clock::now().nanoseconds());
    return Duration::nanoseconds(now + offset.load(std::memory_order_relaxed));
}

void set_wall_clock(Duration since_epoch) noexcept {
    const auto now = static_cast<std::int64_t>(Clock::now().nanoseconds());
    offset.store(since_epoch.count() - now, std::memory_order_relaxed);
}

fs::FileTime wall_time() noexcept {
    constexpr std::int64_t second = 1'000'000'000;
    const std::int64_t now = wall_clock().count();
    return {now / second, static_cast<std::uint32_t>(now % second)};
}

}  // namespace kidney::kernel
