/// Random bytes: for programs, and for where they lie.
#pragma once

#include "drivers/random/random_pool.hpp"
#include "kernel/config.hpp"
#include "kidney/core/address.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::kernel {

/// The pool, and what is stirred in before it gives: RDRAND, where the processor has it, and the
/// times of interrupts. Any thread.
class RandomSource {
public:
    /// Fills `to`, as long as it may be.
    void fill(std::span<std::byte> to) noexcept;
    /// What a program writes to /dev/urandom: it helps, and nobody relies on it.
    void mix(std::span<const std::byte> from) noexcept;
};
[[nodiscard]] RandomSource& random_source() noexcept;

/// Random bytes for programs: getrandom(2), AT_RANDOM. Any thread.
inline void fill_random(std::span<std::byte> to) noexcept {
    random_source().fill(to);
}

/// Starts the devices that have random bytes, and stirs in what they, the processor, the clocks and
/// the interrupts so far give. Says in the log what that was. After the time of day is known,
/// before the first program; may sleep.
void gather_randomness() noexcept;

/// From an interrupt handler: `source` came now.
void note_interrupt_time(std::uint32_t source) noexcept;

}  // namespace kidney::kernel
