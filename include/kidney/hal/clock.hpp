/// Clock and per-CPU one-shot timer.
#pragma once

#include "kidney/core/time.hpp"

#include <concepts>

namespace kidney::hal {

/// The monotonic clock.
///   T1 now() never goes backwards, on one CPU or from one CPU to the next
///   T2 it advances while a CPU halts
/// Cost: a few instructions (TSC) up to a port read (PIT).
template <class C>
concept Clock = requires {
    { C::now() } noexcept -> std::same_as<Instant>;
};

/// This CPU's one-shot timer; the kernel is tickless, so a periodic tick is a timer that is armed
/// again.
///   T3 after arm(t) the timer upcall runs on this CPU once, at or after t, and soon if t has
///   passed T4 arming again replaces the earlier deadline; disarm() forgets it
template <class T>
concept Timer = requires(Instant deadline) {
    { T::arm(deadline) } noexcept -> std::same_as<void>;
    { T::disarm() } noexcept -> std::same_as<void>;
};

}  // namespace kidney::hal
