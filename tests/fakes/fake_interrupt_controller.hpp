/// An interrupt controller whose lines a test raises by hand.
#pragma once

#include "kidney/hal/interrupt_controller.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kidney::fakes {

/// What a raised line does to a CPU. Edge: an interrupt that comes while one is in service is
/// remembered once. Level: as long as the line is high, acknowledging brings the next one.
class FakeInterruptController {
public:
    static constexpr std::size_t lines = 32;
    struct Delivery {
        hal::IrqLine line;
        CpuId cpu;
        friend bool operator==(const Delivery&, const Delivery&) = default;
    };

    void enable(hal::IrqLine line, hal::Trigger trigger, CpuId target) noexcept {
        Input& input = at(line);
        input.enabled = true;
        input.trigger = trigger;
        input.target = target;
        deliver(line);
    }
    void disable(hal::IrqLine line) noexcept {
        at(line).enabled = false;
        at(line).pending = false;
    }
    void acknowledge(hal::IrqLine line) noexcept {
        at(line).in_service = false;
        deliver(line);
    }

    /// The device's side of the wire.
    void raise(hal::IrqLine line) noexcept {
        Input& input = at(line);
        const bool edge = !input.high;
        input.high = true;
        input.pending = input.pending || (edge && input.enabled);
        deliver(line);
    }
    void lower(hal::IrqLine line) noexcept { at(line).high = false; }
    void pulse(hal::IrqLine line) noexcept {
        raise(line);
        lower(line);
    }
    /// What the CPUs saw, in order.
    [[nodiscard]] const std::vector<Delivery>& delivered() const noexcept { return delivered_; }

private:
    struct Input {
        bool enabled = false;
        bool high = false;
        bool pending = false;
        bool in_service = false;
        hal::Trigger trigger = hal::Trigger::edge;
        CpuId target;
    };
    Input& at(hal::IrqLine line) noexcept { return inputs_[line.value() % lines]; }
    void deliver(hal::IrqLine line) noexcept {
        Input& input = at(line);
        const bool wanted = input.trigger == hal::Trigger::level ? input.high : input.pending;
        if (!input.enabled || input.in_service || !wanted) {
            return;
        }
        input.pending = false;
        input.in_service = true;
        delivered_.push_back({line, input.target});
    }
    std::array<Input, lines> inputs_;
    std::vector<Delivery> delivered_;
};
static_assert(hal::InterruptController<FakeInterruptController>);

}  // namespace kidney::fakes
