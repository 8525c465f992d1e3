/// What the timer code knows about the local APIC's counter.
#pragma once

#include "drivers/timer/tick_scale.hpp"

namespace kidney::arch {

struct LocalApicTimer {
    drivers::TickScale ticks;  ///< from nanoseconds
};
extern LocalApicTimer local_apic_timer;  // time/clock.cpp; written once, at calibration

}  // namespace kidney::arch
