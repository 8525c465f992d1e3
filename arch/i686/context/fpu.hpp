/// The x87, MMX and SSE registers of a user thread. The kernel itself uses none of them, except
/// where it puts them back at once with interrupts off (cpu/pages.S).
///
/// Saved and loaded at every switch between user threads: one instruction each, and no trap on
/// first use to handle. In the kernel the registers still hold the current thread's values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::arch {

/// Switches the units on and loads a fresh state. On every CPU as it comes up.
void initialise_fpu() noexcept;

/// Do states have the FXSAVE layout (any CPU since the Pentium II), or the 108 bytes of FNSAVE?
[[nodiscard]] bool has_fxsave() noexcept;

namespace detail {
/// Written by the boot CPU's initialise_fpu(), before another CPU runs.
extern bool sse_available;
}  // namespace detail

/// May the kernel use the SSE registers? False until initialise_fpu().
[[nodiscard]] inline bool has_sse() noexcept {
    return detail::sse_available;
}

class FpuState {
public:
    static constexpr std::size_t size = 512;  ///< of an FXSAVE image (Intel SDM volume 1, 10.5.1)

    /// What a program finds at its start.
    [[nodiscard]] static FpuState initial() noexcept;

    /// The same, to the registers.
    static void load_initial() noexcept;

    /// From the registers. They keep their contents.
    void save() noexcept;
    /// To the registers.
    void load() const noexcept;
    /// Takes over an image that a program made up, 16-byte aligned, and loads it: bits that would
    /// fault are cleared.
    static void load_foreign(std::span<std::byte, size> image) noexcept;

    /// Errors that have happened and are not masked: what an x87 or an SSE exception is about.
    /// Bits as in both status words: 0 invalid, 1 denormal, 2 division by zero, 3 overflow,
    /// 4 underflow, 5 inexact.
    [[nodiscard]] std::uint32_t x87_errors() const noexcept;
    [[nodiscard]] std::uint32_t sse_errors() const noexcept;

    /// The image, for signal frames.
    [[nodiscard]] std::span<const std::byte, size> bytes() const noexcept { return bytes_; }

private:
    friend void initialise_fpu() noexcept;

    alignas(16) std::array<std::byte, size> bytes_{};
};

}  // namespace kidney::arch
