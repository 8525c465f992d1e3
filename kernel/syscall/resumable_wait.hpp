/// Calls that wait for a time and go on after a stop and a continue as if nothing had been: they
/// run again, towards the end that they had in mind at first. A handler ends them with EINTR.
#pragma once

#include "kernel/process/process.hpp"
#include "kernel/syscall/adapt.hpp"

#include <utility>

namespace kidney::kernel::calls {

/// When a wait of `timeout` ends: the end of the same wait before it was interrupted, if there is
/// one.
[[nodiscard]] inline Instant end_of_wait(Process& self, Duration timeout) noexcept {
    const Instant resumed = std::exchange(self.resumed_deadline, Instant::never());
    return resumed != Instant::never() ? resumed : Clock::now() + timeout;
}

/// A signal has interrupted a wait for `deadline`.
[[nodiscard]] inline Reply resume_later(Process& self, Instant deadline) noexcept {
    self.resumed_deadline = deadline;
    self.restart_mode = RestartMode::unless_handled;
    return fail(Errc::restart);
}

}  // namespace kidney::kernel::calls
