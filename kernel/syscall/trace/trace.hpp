/// Shows the system calls of programs in the log, as strace(1) does: `./kidney run --strace`.
///
/// A call that is watched has another handler in the table that dispatches, which writes down what
/// it sees and calls the real one. A call that is not watched costs nothing.
#pragma once

#include "kernel/names.hpp"
#include "kernel/process/process.hpp"
#include "kidney/core/result.hpp"
#include "proc/exit_status.hpp"

#include <string_view>

namespace kidney::kernel {

/// Watches the calls of a list, `open,close`, and no others from now on; `all` means each there is,
/// `none` none. Errors: invalid_argument, for a name that the table does not have (`wrong_name`);
/// then nothing has changed.
[[nodiscard]] Status watch_calls(std::string_view list, std::string_view& wrong_name) noexcept;

/// For /proc/kidney/strace.
[[nodiscard]] Status watch_calls_of_line(std::string_view line) noexcept;

/// The thread loses the CPU within a call that is watched: what follows in the log is not its own.
/// Under the lock of a run queue; the thread is the one that runs.
void show_unfinished_call(const Thread& thread) noexcept;

// What else happens to a process while calls are watched.
void show_delivery(const Process& self, const Delivery& delivery) noexcept;
void show_end(const Process& self, ExitStatus status) noexcept;

}  // namespace kidney::kernel
