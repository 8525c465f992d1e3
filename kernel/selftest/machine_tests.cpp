/// What only the real machine can show: instructions, traps, descriptors, messages between CPUs.
#include "arch/i686/context/fpu.hpp"
#include "arch/i686/context/user_state.hpp"
#include "arch/i686/cpu/port_io.hpp"
#include "arch/i686/smp/online.hpp"
#include "drivers/serial/uart16550.hpp"
#include "kernel/kernel.hpp"
#include "kernel/selftest/self_test.hpp"
#include "kernel/symbols.hpp"
#include "tests/laws/clock_laws.hpp"
#include "tests/laws/cpu_laws.hpp"
#include "tests/laws/phys_map_laws.hpp"
#include "tests/laws/port_io_laws.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace kidney::kernel {
namespace {

void cpu_keeps_its_laws(laws::Report& report) noexcept {
    const Result<std::span<std::byte>> stack = stacks().allocate();
    LAW_CHECK(report, stack.has_value());
    if (stack) {
        laws::run_laws<laws::CpuLaws<Cpu>>(report, *stack);
        stacks().free(*stack);
    }
}

void clock_keeps_its_laws(laws::Report& report) noexcept {
    laws::run_laws<laws::ClockLaws<Clock>>(report);
}

void ports_keep_their_laws(laws::Report& report) noexcept {
    constexpr std::uint16_t com1_scratch = drivers::uart::com1 + 7;
    constexpr std::uint16_t nobody = 0xE8;
    arch::PortIo io;
    laws::run_laws<laws::PortIoLaws>(report, io, com1_scratch, nobody);
}

void windows_keep_their_laws(laws::Report& report) noexcept {
    const Result<FrameNumber> a = frames().allocate(mm::FrameZone::any);
    const Result<FrameNumber> b = frames().allocate(mm::FrameZone::direct);
    LAW_CHECK(report, a.has_value() && b.has_value());
    if (a && b) {
        laws::run_laws<laws::PhysMapLaws>(report, phys_map(), *a, *b);
        frames().release(*a);
        frames().release(*b);
    }
}

void bad_selectors_become_null(laws::Report& report) noexcept {
    arch::set_user_gs(arch::selector::user_data);
    LAW_CHECK(report, arch::user_gs() == arch::selector::user_data);
    constexpr std::array<std::uint16_t, 3> bad_ones{0x7ff3, 0x0080, 0x0033};
    for (const std::uint16_t bad : bad_ones) {
        arch::set_user_gs(bad);  // beyond the table, a TSS, an empty TLS entry
        LAW_CHECK(report, arch::user_gs() == 0);
    }
}

void fpu_state_comes_back(laws::Report& report) noexcept {
    if (!arch::has_fxsave()) {
        LAW_CHECK(report, true);
        return;
    }
    constexpr std::size_t xmm0 = 160;
    alignas(16) std::array<std::byte, arch::FpuState::size> image;
    std::ranges::copy(arch::FpuState::initial().bytes(), image.begin());
    std::fill_n(image.begin() + xmm0, 16, std::byte{0x5a});
    std::memset(image.data() + 24, 0xff, 4);  // MXCSR with reserved bits: must not fault
    const hal::InterruptState state = Cpu::interrupts_disable();
    arch::FpuState::load_foreign(image);
    arch::FpuState read;
    read.save();
    arch::FpuState::initial().load();
    Cpu::interrupts_restore(state);
    LAW_CHECK(report, std::equal(image.begin() + xmm0, image.begin() + xmm0 + 16,
                                 read.bytes().begin() + xmm0));
}

void programs_begin_with_empty_registers(laws::Report& report) noexcept {
    if (!arch::has_fxsave()) {
        LAW_CHECK(report, true);
        return;
    }
    constexpr std::size_t registers_at = 32, registers_end = 288;  // x87 and xmm
    alignas(16) std::array<std::byte, arch::FpuState::size> image;
    std::ranges::copy(arch::FpuState::initial().bytes(), image.begin());
    std::fill(image.begin() + registers_at, image.begin() + registers_end, std::byte{0x5a});
    const hal::InterruptState state = Cpu::interrupts_disable();
    arch::FpuState::load_foreign(image);
    arch::initialise_fpu();
    arch::FpuState::initial().load();
    Cpu::interrupts_restore(state);
    const auto registers =
        arch::FpuState::initial().bytes().subspan(registers_at, registers_end - registers_at);
    LAW_CHECK(report,
              std::ranges::all_of(registers, [](std::byte b) { return b == std::byte{0}; }));
}

void messages_are_answered(laws::Report& report) noexcept {
    constexpr VirtRange range{VirtAddr(0x1000), page_size};
    for (int i = 0; i < 200; ++i) {
        Preemption::disable();
        Mmu::shoot_down(arch::online_cpus(), range);
        Preemption::enable();
    }
    LAW_CHECK(report, true);  // it returned
}

void code_has_names(laws::Report& report) noexcept {
    const auto address = reinterpret_cast<std::uint32_t>(&code_has_names);
    const Symbol symbol = symbol_at(VirtAddr(address + 1));
    LAW_CHECK(report, symbol.offset == 1);
    LAW_CHECK(report, symbol.name.find("code_has_names") != std::string_view::npos);
    LAW_CHECK(report, symbol_at(VirtAddr(0x1000)).name.empty());
    LAW_CHECK(report, symbol_at(VirtAddr(0xffff'ffff)).name.empty());
}

/// Every alignment and length up to some words, against loops that cannot be wrong.
void memory_functions_move_bytes(laws::Report& report) noexcept {
    constexpr std::size_t size = 48;
    std::array<char, size> from;
    for (std::size_t i = 0; i < size; ++i) {
        from[i] = static_cast<char>('A' + i);
    }
    bool moved = true;
    bool filled = true;
    for (std::size_t at = 0; at < 8; ++at) {
        for (std::size_t length = 0; length < 24; ++length) {
            for (std::size_t to = 0; to < 16; ++to) {
                std::array<char, size> expected = from;
                for (std::size_t i = 0; i < length; ++i) {
                    expected[to + i] = from[at + i];
                }
                std::array<char, size> got = from;
                std::memmove(got.data() + to, got.data() + at, length);
                moved = moved && std::memcmp(got.data(), expected.data(), size) == 0;
            }
            std::array<char, size> got = from;
            std::memset(got.data() + at, 0x1ee, length);
            for (std::size_t i = 0; i < size; ++i) {
                const bool inside = i - at < length;
                filled = filled && got[i] == (inside ? static_cast<char>(0xee) : from[i]);
            }
        }
    }
    LAW_CHECK(report, moved);
    LAW_CHECK(report, filled);
    LAW_CHECK(report, std::memcmp("abcd", "abce", 4) < 0 && std::memcmp("b", "a", 1) > 0);
    LAW_CHECK(report, std::memcmp("x", "y", 0) == 0);
    LAW_CHECK(report, std::memchr("hello", 'l', 5) != nullptr);
    LAW_CHECK(report,
              std::memchr("hello", 'z', 5) == nullptr && std::memchr("h", 'h', 0) == nullptr);
    LAW_CHECK(report, std::strlen("") == 0 && std::strlen("seven!!") == 7);
}

constexpr std::array<SelfTest, 10> machine_test_list{{
    {"memory functions move bytes", &memory_functions_move_bytes},
    {"the CPU keeps its laws", &cpu_keeps_its_laws},
    {"the clock keeps its laws", &clock_keeps_its_laws},
    {"ports keep their laws", &ports_keep_their_laws},
    {"windows keep their laws", &windows_keep_their_laws},
    {"bad selectors become null", &bad_selectors_become_null},
    {"the FPU state comes back", &fpu_state_comes_back},
    {"programs begin with empty registers", &programs_begin_with_empty_registers},
    {"CPUs answer messages", &messages_are_answered},
    {"code has names", &code_has_names},
}};

}  // namespace

std::span<const SelfTest> machine_self_tests() noexcept {
    return machine_test_list;
}

}  // namespace kidney::kernel
