#include "arch/i686/context/user_state.hpp"

#include "arch/i686/cpu/cpu.hpp"
#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/trap/trap_frame.hpp"

namespace kidney::arch {

SegmentDescriptor tls_descriptor(const TlsSegment& s) noexcept {
    // Type: bit 3 code, bit 2 expand down or conforming, bit 1 writable or readable (SDM
    // 3, 3.4.5.1).
    const std::uint32_t type =
        (s.is_code ? 8U : 0U) | (s.expands_down ? 4U : 0U) | (s.read_execute_only ? 0U : 2U);
    constexpr std::uint32_t memory_user_present = 0xF0;  // S, DPL 3, P
    return {(s.limit & 0xffff) | s.base << 16,
            (s.base >> 16 & 0xff) | (type | memory_user_present) << 8 | (s.limit & 0xf'0000) |
                (s.usable ? 1U << 20 : 0) | (s.is_32_bit ? 1U << 22 : 0) |
                (s.limit_in_pages ? 1U << 23 : 0) | (s.base & 0xff00'0000)};
}

void UserState::save() noexcept {
    fpu_.save();
    gs_ = read_gs();
    for (std::uint32_t i = 0; i < tls_slots; ++i) {
        tls_[i] = this_cpu().gdt[selector::tls_first_entry + i];
    }
}

void UserState::load() const noexcept {
    CpuLocal& cpu = this_cpu();
    for (std::uint32_t i = 0; i < tls_slots; ++i) {
        cpu.gdt[selector::tls_first_entry + i] = tls_[i];
    }
    load_gs(gs_);  // after the entries it may name
    fpu_.load();
}

void UserState::set_tls(std::uint32_t slot, SegmentDescriptor descriptor) noexcept {
    const hal::InterruptState before = Cpu::interrupts_disable();
    tls_[slot] = descriptor;  // a switch between these two would save the old entry again
    this_cpu().gdt[selector::tls_first_entry + slot] = descriptor;
    load_gs(read_gs());  // the register keeps a copy of the entry
    Cpu::interrupts_restore(before);
}

void UserState::prepare_tls(std::uint32_t slot, SegmentDescriptor descriptor,
                            std::uint16_t gs) noexcept {
    tls_[slot] = descriptor;
    gs_ = gs;
}

std::optional<std::uint32_t> UserState::free_tls_slot() const noexcept {
    for (std::uint32_t i = 0; i < tls_slots; ++i) {
        if (tls_[i] == SegmentDescriptor{}) {
            return i;
        }
    }
    return std::nullopt;
}

void UserState::reset_current() noexcept {
    const hal::InterruptState before = Cpu::interrupts_disable();
    *this = UserState();  // a switch before the load would save the old registers over it
    load();
    Cpu::interrupts_restore(before);
}

std::uint16_t user_gs() noexcept {
    return read_gs();
}

void set_user_gs(std::uint16_t selector) noexcept {
    load_gs(selector);
}

}  // namespace kidney::arch
