#include "kernel/planted_bug.hpp"

#include "kernel/kernel.hpp"
#include "kernel/panic.hpp"
#include "kernel/threads.hpp"

#include <array>
#include <cstdint>

namespace kidney::kernel {
namespace {

constexpr std::uint32_t right_limit = 100;
constexpr Duration pause = Duration::milliseconds(2);

/// The latest of many measurements, and how large one may be.
struct Measurements {
    std::array<std::uint32_t, 8> latest{};
    std::uint32_t limit = right_limit;
    std::uint32_t* next = latest.begin();
};
constinit Measurements measurements;

/// Instead of the oldest one. The planted bug is here: `>` should be `>=`.
[[gnu::noinline]] void keep_measurement(std::uint32_t value) noexcept {
    *measurements.next++ = value;
    if (measurements.next > measurements.latest.end()) {
        measurements.next = measurements.latest.begin();
    }
}

/// A thread: measures a dozen times and ends.
void measure(void* finished) noexcept {
    for (std::uint32_t n = 1; n <= 12; ++n) {
        keep_measurement(n * n);
        dispatcher().sleep_until(Clock::now() + pause);
    }
    static_cast<Semaphore*>(finished)->release();
}

[[gnu::noinline]] void check_limit() noexcept {
    if (measurements.limit != right_limit) {
        panic("the limit of the measurements was {} and is {}", right_limit, measurements.limit);
    }
}

}  // namespace

void run_into_planted_bug() noexcept {
    Semaphore finished;
    MUST(start_kernel_thread("measurements", &measure, &finished));
    finished.acquire();
    dispatcher().sleep_until(Clock::now() + pause);
    check_limit();
    panic("the planted bug did no harm");
}

}  // namespace kidney::kernel
