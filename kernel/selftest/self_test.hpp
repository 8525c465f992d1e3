/// The in-kernel self-test: boot with `selftest`.
///
/// The laws that the host runs, run here on the real machine: policies compiled for i686, locks
/// between real CPUs, page tables that a real MMU walks. Ends with one line, `selftest: N passed, N
/// failed`, and leaves QEMU with a code that says the same.
#pragma once

#include "kidney/core/format.hpp"
#include "tests/laws/report.hpp"

#include <cstdint>

namespace kidney::kernel {

/// One test: a name, and what it finds in the report.
struct SelfTest {
    const char* name;
    void (*run)(laws::Report& report) noexcept;
};

/// Runs every self-test on the calling thread and ends the machine. All CPUs are up, interrupts on.
[[noreturn]] void run_self_tests() noexcept;

// The groups, one file each.
std::span<const SelfTest> policy_self_tests() noexcept;  ///< laws of this image's policies
std::span<const SelfTest> memory_self_tests() noexcept;  ///< frames, heap, page tables, user copies
std::span<const SelfTest> machine_self_tests() noexcept;  ///< instructions, traps, messages
std::span<const SelfTest> file_self_tests() noexcept;     ///< laws of file systems and open files
std::span<const SelfTest> thread_self_tests() noexcept;   ///< dispatcher, locks, timers, all CPUs

}  // namespace kidney::kernel
