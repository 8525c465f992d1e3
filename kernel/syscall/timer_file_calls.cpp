/// timerfd_create and its kin.
#include "kernel/event/timer_file.hpp"
#include "kernel/process/process.hpp"
#include "kernel/syscall/event_calls.hpp"
#include "kernel/syscall/timer_values.hpp"
#include "kidney/abi/resource.hpp"
#include "kidney/mm/make.hpp"

#include <cstdint>
#include <linux/fcntl.h>
#include <utility>

namespace kidney::kernel::calls {
namespace {

/// Errors: invalid_argument (no such clock, or none for files), not_permitted.
Result<TimerClock> file_timer_clock(const Process& self, std::uint32_t clock) noexcept {
    switch (clock) {
        case abi::clock_realtime_alarm:
        case abi::clock_boottime_alarm:
            if (!self.identity.is_privileged()) {
                return fail(Errc::not_permitted);
            }
            return TimerClock{clock == abi::clock_realtime_alarm ? TimerClock::Base::time_of_day
                                                                 : TimerClock::Base::monotonic};
        case abi::clock_realtime:
            return TimerClock{TimerClock::Base::time_of_day};
        case abi::clock_monotonic:
        case abi::clock_boottime:
            return TimerClock{TimerClock::Base::monotonic};
        default:
            return fail(Errc::invalid_argument);
    }
}

/// Errors: bad_descriptor, invalid_argument (it is no timer).
template <class F>
Reply with_timer(Process& self, Fd fd, F&& f) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    auto* const timer = fs::anonymous_cast<TimerFile>(*file);
    return timer != nullptr ? Reply(f(*timer)) : fail(Errc::invalid_argument);
}

template <class Timespec>
Reply set_file_timer(Process& self, Fd fd, std::uint32_t flags, VirtAddr next,
                     VirtAddr old) noexcept {
    constexpr std::uint32_t cancel_on_set = 2;  // TFD_TIMER_CANCEL_ON_SET
    const auto wanted = TRY(get_user(UserPtr<const TimerSpec<Timespec>>(next)));
    if ((flags & ~(abi::timer_absolute | cancel_on_set)) != 0) {
        return fail(Errc::invalid_argument);
    }
    const fs::TimerSetting setting{TRY(duration_of(wanted.value)),
                                   TRY(duration_of(wanted.interval))};
    return with_timer(self, fd, [&](TimerFile& timer) noexcept -> Reply {
        const fs::TimerSetting before =
            timer.set(setting, (flags & abi::timer_absolute) != 0, (flags & cancel_on_set) != 0);
        if (old != VirtAddr(0)) {
            TRY(put_timer<Timespec>(old, before));
        }
        return 0U;
    });
}

template <class Timespec>
Reply get_file_timer(Process& self, Fd fd, VirtAddr to) noexcept {
    return with_timer(self, fd, [&](TimerFile& timer) noexcept -> Reply {
        TRY(put_timer<Timespec>(to, timer.get()));
        return 0U;
    });
}

}  // namespace

Reply timerfd_create(Process& self, std::uint32_t clock, std::uint32_t flags) noexcept {
    if ((flags & ~std::uint32_t{O_CLOEXEC | O_NONBLOCK}) != 0) {
        return fail(Errc::invalid_argument);
    }
    const TimerClock source = TRY(file_timer_clock(self, clock));
    Ref<fs::File> file = TRY(
        mm::make_ref<TimerFile>(heap(), event_files(), source, clock, (flags & O_NONBLOCK) != 0));
    return TRY(self.files.install(std::move(file), (flags & O_CLOEXEC) != 0)).value();
}

Reply timerfd_settime(Process& self, Fd fd, std::uint32_t flags, VirtAddr next,
                      VirtAddr old) noexcept {
    return set_file_timer<Timespec32>(self, fd, flags, next, old);
}
Reply timerfd_settime64(Process& self, Fd fd, std::uint32_t flags, VirtAddr next,
                        VirtAddr old) noexcept {
    return set_file_timer<Timespec64>(self, fd, flags, next, old);
}
Reply timerfd_gettime(Process& self, Fd fd, VirtAddr to) noexcept {
    return get_file_timer<Timespec32>(self, fd, to);
}
Reply timerfd_gettime64(Process& self, Fd fd, VirtAddr to) noexcept {
    return get_file_timer<Timespec64>(self, fd, to);
}

}  // namespace kidney::kernel::calls
