/// Laws of `hal::InterruptController`. The subject is a harness: `controller()`, and the wires:
/// `pulse(line)`, `raise(line)`, `lower(line)`, `count(line)` interrupts taken so far.
#pragma once

#include "kidney/core/type_list.hpp"
#include "kidney/hal/interrupt_controller.hpp"
#include "tests/laws/report.hpp"

namespace kidney::laws {

struct InterruptControllerI1 {
    static constexpr const char* text =
        "I1 a line delivers nothing before enable() and after disable()";
    template <class H>
    static void check(Report& report, H& harness) noexcept {
        constexpr hal::IrqLine line(5);
        harness.pulse(line);
        LAW_CHECK(report, harness.count(line) == 0);
        harness.controller().enable(line, hal::Trigger::edge, CpuId(0));
        harness.pulse(line);
        LAW_CHECK(report, harness.count(line) == 1);
        harness.controller().acknowledge(line);
        harness.controller().disable(line);
        harness.pulse(line);
        LAW_CHECK(report, harness.count(line) == 1);
    }
};

struct InterruptControllerI2 {
    static constexpr const char* text =
        "I2 acknowledge() allows the next interrupt of that line; one in between is not lost";
    template <class H>
    static void check(Report& report, H& harness) noexcept {
        constexpr hal::IrqLine line(6);
        harness.controller().enable(line, hal::Trigger::edge, CpuId(0));
        harness.pulse(line);
        harness.pulse(line);
        LAW_CHECK(report, harness.count(line) == 1);
        harness.controller().acknowledge(line);
        LAW_CHECK(report, harness.count(line) == 2);
        harness.controller().acknowledge(line);
        LAW_CHECK(report, harness.count(line) == 2);
        harness.controller().disable(line);
    }
};

struct InterruptControllerI3 {
    static constexpr const char* text = "I3 an interrupt is delivered to one CPU";
    template <class H>
    static void check(Report& report, H& harness) noexcept {
        constexpr hal::IrqLine line(7);
        harness.controller().enable(line, hal::Trigger::edge, CpuId(0));
        const auto before = harness.total();
        harness.pulse(line);
        LAW_CHECK(report, harness.total() == before + 1);
        harness.controller().acknowledge(line);
        harness.controller().disable(line);
    }
};

using InterruptControllerLaws =
    TypeList<InterruptControllerI1, InterruptControllerI2, InterruptControllerI3>;

}  // namespace kidney::laws
