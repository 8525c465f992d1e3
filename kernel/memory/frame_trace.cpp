#include "kernel/memory/frame_trace.hpp"

#include "kernel/kernel.hpp"
#include "kidney/core/log.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::kernel {

constinit mm::FrameTrace FrameRecording::trace;

void start_frame_trace(mm::EarlyFrames& early, FrameNumber limit, PhysMap& phys) noexcept {
    constexpr std::uint32_t frames = 256;  // 1 MiB, 2^18 records: a boot and some minutes of work
    const Result<FrameNumber> first = early.take(frames, limit);
    if (!first) {
        log::warning<"frames">("no memory to record what is asked of them");
        return;
    }
    auto* const words = reinterpret_cast<std::uint32_t*>(phys.direct(*first).data());
    FrameRecording::trace.start({words, frames * (page_size / sizeof(std::uint32_t))});
}

void write_frame_trace() noexcept {
    std::size_t free = 0;
    {
        const hal::InterruptGuard<Cpu> guard;  // on one CPU, nobody allocates between the two
        FrameRecording::trace.stop();
        free = frames().free_frames();
    }
    if (FrameRecording::trace.is_empty()) {
        return;
    }
    FrameRecording::trace.write(FramePolicy::name,
                                [](std::string_view line) { log::info<"frames">("{}", line); });
    // Who repeats the calls must find as many (tests/guest/frame_trace_test.py).
    log::info<"frames">("{} free when the trace was stopped", free);
}

}  // namespace kidney::kernel
