/// Laws of `hal::Clock` on one CPU. T2 and the timer's laws need something to wait with: the
/// dispatcher's tests show them.
#pragma once

#include "kidney/core/type_list.hpp"
#include "kidney/hal/clock.hpp"
#include "tests/laws/report.hpp"

namespace kidney::laws {

template <hal::Clock Clock>
struct ClockT1 {
    static constexpr const char* text = "T1 now() never goes backwards";
    static void check(Report& report) noexcept {
        Instant last = Clock::now();
        bool forward = true;
        for (int i = 0; i < 20'000; ++i) {
            const Instant now = Clock::now();
            forward = forward && now >= last;
            last = now;
        }
        LAW_CHECK(report, forward);
    }
};

template <hal::Clock Clock>
using ClockLaws = TypeList<ClockT1<Clock>>;

}  // namespace kidney::laws
