/// Calls that wait for a time and go on after a stop and a continue as if nothing had been: they
/// run again, towards the end that they had in mind at first. A handler ends them with EINTR.
#pragma once

#include "kernel/process/process.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/syscall/adapt.hpp"

#include <utility>

namespace kidney::kernel::calls {

/// When a wait of `timeout` ends: the end of the same wait before it was interrupted, if there is
/// one.
[[nodiscard]] inline Instant end_of_wait(Process& self, Duration timeout) noexcept {
    const Instant resumed = std::exchange(self.this_thread().resumed_deadline, Instant::never());
    return resumed != Instant::never() ? resumed : Clock::now() + timeout;
}

/// While it lives, setting the time of day wakes the thread if that moves its deadline.
class DeadlineWatch : public ClockWatcher {
public:
    DeadlineWatch(Thread& sleeper, const Deadline& deadline) noexcept
        : ClockWatcher(&DeadlineWatch::wake), sleeper_(sleeper) {
        if (deadline.follows_wall_clock()) {
            watch([] {});
        }
    }
    ~DeadlineWatch() { unwatch(); }

private:
    static void wake(ClockWatcher& self) noexcept {
        static_cast<void>(dispatcher().wake(static_cast<DeadlineWatch&>(self).sleeper_));
    }
    Thread& sleeper_;
};

/// A signal has interrupted a wait whose end the caller's arguments tell: it runs again as it was.
[[nodiscard]] inline Reply run_again_later(Process& self) noexcept {
    self.this_thread().restart_mode = RestartMode::unless_handled;
    return fail(Errc::restart);
}
/// A signal has interrupted a wait for `deadline`.
[[nodiscard]] inline Reply resume_later(Process& self, Instant deadline) noexcept {
    self.this_thread().resumed_deadline = deadline;
    return run_again_later(self);
}

}  // namespace kidney::kernel::calls
