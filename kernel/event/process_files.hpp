/// Files about processes and signals, as this kernel has them.
#pragma once

#include "kernel/names.hpp"
#include "kernel/process/process.hpp"
#include "proc/life/pid_file.hpp"
#include "proc/signal/signal_file.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::kernel {

/// struct signalfd_siginfo.
struct SignalRecord {
    static constexpr std::size_t size = 128;
    [[nodiscard]] static Status put(fs::ReadBuffer& to, std::uint32_t signal,
                                    const SignalCause& cause) noexcept;
};
using SignalFile = proc::SignalFile<Process, SpinLock<ranks::poll>, SignalRecord>;
using PidFile = proc::PidFile<Process, SpinLock<ranks::poll>>;
using ProcessFiles = decltype(Process::files);

}  // namespace kidney::kernel
