/// What a user thread keeps in the processor besides the trap frame: FPU registers, the TLS entries
/// of the GDT, and %gs, which points into one of them.
#pragma once

#include "arch/i686/context/fpu.hpp"
#include "arch/i686/cpu/descriptors.hpp"
#include "kidney/core/result.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace kidney::arch {

/// A thread-local segment as Linux's set_thread_area() describes it.
struct TlsSegment {
    std::uint32_t base = 0;
    std::uint32_t limit = 0;  ///< 20 bits, in bytes or pages
    bool limit_in_pages = false;
    bool is_32_bit = false;
    bool is_code = false;
    bool expands_down = false;
    bool read_execute_only = false;  ///< data: not writable; code: not readable
    bool usable = false;
};

/// The descriptor of a user segment; the privilege is always the user's.
[[nodiscard]] SegmentDescriptor tls_descriptor(const TlsSegment& segment) noexcept;

/// Kept in the thread while it does not run. Interrupts off in save(), load() and switch: the GDT
/// is the CPU's.
class UserState {
public:
    static constexpr std::uint32_t tls_slots = 3;

    /// A program at its start: no TLS, %gs null, FPU initialised.
    UserState() noexcept : fpu_(FpuState::initial()) {}

    /// From this CPU, which keeps it.
    void save() noexcept;
    /// To this CPU.
    void load() const noexcept;
    /// A forked thread starts with its parent's state: call on the child's, while the parent runs.
    void copy_current() noexcept { save(); }

    /// The FPU registers of the *running* thread, whose state this is. They stay as they are until
    /// it goes back to user mode, so a switch meanwhile saves the same again.
    [[nodiscard]] const FpuState& save_fpu() noexcept {
        fpu_.save();
        return fpu_;
    }
    /// Sets entry `slot` (0-2) of the *running* thread, whose state this is, here and in the GDT.
    void set_tls(std::uint32_t slot, SegmentDescriptor descriptor) noexcept;
    /// Sets the entry in the state only: for a thread that has not run yet.
    void prepare_tls(std::uint32_t slot, SegmentDescriptor descriptor, std::uint16_t gs) noexcept;
    [[nodiscard]] SegmentDescriptor tls(std::uint32_t slot) const noexcept { return tls_[slot]; }
    /// A slot that no program has set; nullopt: all taken.
    [[nodiscard]] std::optional<std::uint32_t> free_tls_slot() const noexcept;

    /// Back to a program's start (execve), on this CPU as well.
    void reset_current() noexcept;

private:
    FpuState fpu_;
    std::array<SegmentDescriptor, tls_slots> tls_{};
    std::uint16_t gs_ = 0;
};

/// %gs of the running program. Setting it to a selector that is no good gives null.
[[nodiscard]] std::uint16_t user_gs() noexcept;
void set_user_gs(std::uint16_t selector) noexcept;

}  // namespace kidney::arch
