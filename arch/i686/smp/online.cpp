#include "arch/i686/smp/online.hpp"

#include <atomic>

namespace kidney::arch {

namespace {
constinit std::atomic<std::uint32_t> online{1};
}

CpuSet online_cpus() noexcept {
    return CpuSet(online.load(std::memory_order_acquire));
}

void set_online(CpuId cpu) noexcept {
    online.fetch_or(1U << cpu.value(), std::memory_order_acq_rel);
}

}  // namespace kidney::arch
