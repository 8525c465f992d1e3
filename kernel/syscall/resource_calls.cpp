/// Limits, usage, priorities, scheduling.
#include "arch/i686/smp/online.hpp"
#include "kernel/process/cpu_times.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/syscall/process_calls.hpp"
#include "kernel/syscall/rusage.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <algorithm>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <optional>

namespace kidney::kernel::calls {
namespace {

struct OldLimit {
    std::uint32_t current, maximum;
};
struct WideLimit {
    std::uint64_t current, maximum;
};

/// The old structure cannot express more; its largest value means "none".
constexpr std::uint32_t narrow(std::uint64_t limit) noexcept {
    return limit > 0xffff'ffff ? 0xffff'ffff : static_cast<std::uint32_t>(limit);
}
constexpr std::uint64_t widen(std::uint32_t limit) noexcept {
    return limit == 0xffff'ffff ? unlimited : limit;
}

Status set_limit(Process& p, std::uint32_t resource, Limit limit, bool privileged) noexcept {
    {
        LockGuard guard(process_lock);  // only the process itself changes them; others look
        TRY(p.limits.set(resource, limit, privileged));
    }
    if (resource == abi::limit_open_files) {
        p.files.set_limit(narrow(limit.current));
    }
    return {};
}

}  // namespace

Reply getrlimit(Process& self, std::uint32_t resource, VirtAddr to) noexcept {
    const Limit l = TRY(self.limits.get(resource));
    TRY(put_user(UserPtr<OldLimit>(to), {narrow(l.current), narrow(l.maximum)}));
    return 0U;
}

Reply setrlimit(Process& self, std::uint32_t resource, VirtAddr from) noexcept {
    const OldLimit l = TRY(get_user(UserPtr<const OldLimit>(from)));
    TRY(set_limit(self, resource, {widen(l.current), widen(l.maximum)},
                  self.identity.is_privileged()));
    return 0U;
}

Reply prlimit64(Process& self, Pid pid, std::uint32_t resource, VirtAddr next,
                VirtAddr old) noexcept {
    if (pid.value() != 0 && pid != self.pid) {
        return fail(Errc::not_permitted);
    }
    const Limit before = TRY(self.limits.get(resource));
    if (next != VirtAddr(0)) {
        const WideLimit l = TRY(get_user(UserPtr<const WideLimit>(next)));
        TRY(set_limit(self, resource, {l.current, l.maximum}, self.identity.is_privileged()));
    }
    if (old != VirtAddr(0)) {
        TRY(put_user(UserPtr<WideLimit>(old), {before.current, before.maximum}));
    }
    return 0U;
}

Reply getrusage(Process& self, std::int32_t who, VirtAddr to) noexcept {
    if (who != abi::usage_self && who != abi::usage_children && who != abi::usage_thread) {
        return fail(Errc::invalid_argument);
    }
    TRY(put_rusage(to, who == abi::usage_children ? self.children_times : cpu_times(self)));
    return 0U;
}

Reply times(Process& self, VirtAddr to) noexcept {
    constexpr std::int64_t tick = 10'000'000;  // 100 Hz, whatever the dispatcher's tick is
    const auto ticks = [](Duration d) { return static_cast<std::uint32_t>(d.count() / tick); };
    if (to != VirtAddr(0)) {
        struct Times {
            std::uint32_t user, system, children_user, children_system;
        };
        const CpuTimes own = cpu_times(self);
        const CpuTimes& children = self.children_times;
        TRY(put_user(UserPtr<Times>(to), {ticks(own.user), ticks(own.system), ticks(children.user),
                                          ticks(children.system)}));
    }
    return static_cast<std::uint32_t>(Clock::now().nanoseconds() / tick);
}

namespace {

/// Calls f for every process that (which, who) names. False: there is none.
template <class F>
bool for_each_named(Process& self, std::uint32_t which, Pid who, F&& f) noexcept
    REQUIRES(process_lock) {
    bool found = false;
    processes().for_each([&](Process& p) {
        const bool named =
            which == abi::priority_process ? p.pid == (who.value() == 0 ? self.pid : who)
            : which == abi::priority_group
                ? p.group == (who.value() == 0 ? self.group : who)
                : p.identity.user.real == (who.value() == 0 ? self.identity.user.real : who.word());
        if (named && p.thread != nullptr) {
            found = true;
            f(p);
        }
    });
    return found;
}

constexpr std::int32_t lowest_nice = -20;
constexpr std::int32_t highest_nice = 19;

/// Proportional-share policies: each step of nice is worth about 10 % of the CPU. The table of
/// Linux's kernel/sched documentation starts at 1024 for nice 0 and divides by 1.25.
std::uint32_t weight_of(std::int32_t nice) noexcept {
    std::uint32_t weight = 1024;
    for (std::int32_t n = nice; n < 0; ++n) {
        weight = weight * 5 / 4;
    }
    for (std::int32_t n = nice; n > 0; --n) {
        weight = weight * 4 / 5;
    }
    return std::max(weight, 1U);
}

}  // namespace

Reply getpriority(Process& self, std::uint32_t which, Pid who) noexcept {
    if (which > abi::priority_user) {
        return fail(Errc::invalid_argument);
    }
    std::int32_t best = highest_nice;
    LockGuard guard(process_lock);
    if (!for_each_named(self, which, who,
                        [&](Process& p) { best = std::min(best, std::int32_t{p.thread->nice}); })) {
        return fail(Errc::no_process);
    }
    return static_cast<std::uint32_t>(20 - best);  // 1 .. 40, so that it is never an error
}

Reply setpriority(Process& self, std::uint32_t which, Pid who, std::int32_t wanted) noexcept {
    if (which > abi::priority_user) {
        return fail(Errc::invalid_argument);
    }
    const auto nice = static_cast<std::int8_t>(std::clamp(wanted, lowest_nice, highest_nice));
    const bool privileged = self.identity.is_privileged();
    bool refused = false;
    LockGuard guard(process_lock);
    const bool found = for_each_named(self, which, who, [&](Process& p) {
        if (nice < p.thread->nice && !privileged) {
            refused = true;
            return;
        }
        p.thread->nice = nice;
        p.thread->weight = weight_of(nice);
    });
    if (!found) {
        return fail(Errc::no_process);
    }
    return refused ? Reply(fail(Errc::permission_denied)) : Reply(0U);
}

Reply nice(Process& self, std::int32_t increment) noexcept {
    return setpriority(self, abi::priority_process, Pid(0),
                       std::clamp(increment, -40, 40) + self.thread->nice);
}

Reply sched_yield(Process&) noexcept {
    dispatcher().yield();
    return 0U;
}

Reply sched_getaffinity(Process& self, Pid pid, std::uint32_t size, VirtAddr to) noexcept {
    if (pid.value() != 0 && pid != self.pid) {
        LockGuard guard(process_lock);
        if (processes().find(pid) == nullptr) {
            return fail(Errc::no_process);
        }
    }
    const std::uint32_t mask = arch::online_cpus().bits();
    if (size < sizeof mask || size % sizeof mask != 0) {
        return fail(Errc::invalid_argument);
    }
    TRY(put_user(UserPtr<std::uint32_t>(to), mask));
    return std::uint32_t{sizeof mask};
}
Reply sched_setaffinity(Process&) noexcept {
    return 0U;
}
Reply sched_getscheduler(Process&) noexcept {
    return 0U;
}  // SCHED_OTHER

Reply sched_getparam(Process&, Pid, UserPtr<std::uint32_t> to) noexcept {
    TRY(put_user(to, 0U));
    return 0U;
}
Reply sched_get_priority(Process&, std::uint32_t) noexcept {
    return 0U;
}

/// There is one kind of scheduling, and its only priority is 0: asking for it succeeds.
Reply sched_setscheduler(Process& self, Pid pid, std::uint32_t policy,
                         UserPtr<const std::uint32_t> priority) noexcept {
    const std::uint32_t wanted = TRY(get_user(priority));
    const std::uint32_t kind = policy & ~std::uint32_t{SCHED_RESET_ON_FORK};
    const bool is_real_time = kind == SCHED_FIFO || kind == SCHED_RR;
    const bool is_ordinary = kind == SCHED_NORMAL || kind == SCHED_BATCH || kind == SCHED_IDLE;
    if (pid.value() < 0 || (!is_real_time && !is_ordinary) || (is_ordinary && wanted != 0)) {
        return fail(Errc::invalid_argument);
    }
    LockGuard guard(process_lock);
    if (pid.value() != 0 && pid != self.pid && processes().find(pid) == nullptr) {
        return fail(Errc::no_process);
    }
    return is_real_time ? Reply(fail(Errc::not_permitted)) : Reply(0U);
}
Reply sched_setparam(Process& self, Pid pid, UserPtr<const std::uint32_t> priority) noexcept {
    return sched_setscheduler(self, pid, SCHED_NORMAL, priority);
}

namespace {

/// The numbers of ioprio_get are one more than getpriority's.
Result<std::uint32_t> priority_target(std::uint32_t which) noexcept {
    if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER) {
        return fail(Errc::invalid_argument);
    }
    return which - IOPRIO_WHO_PROCESS;
}
/// Lower is better; no class at all counts as "best effort, middle".
std::uint32_t rank_of(std::uint16_t io_priority) noexcept {
    return IOPRIO_PRIO_CLASS(io_priority) == IOPRIO_CLASS_NONE
               ? IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, IOPRIO_BE_NORM)
               : io_priority;
}

}  // namespace

Reply ioprio_get(Process& self, std::uint32_t which, Pid who) noexcept {
    const std::uint32_t target = TRY(priority_target(which));
    std::optional<std::uint16_t> best;
    LockGuard guard(process_lock);
    static_cast<void>(for_each_named(self, target, who, [&](Process& p) {
        if (!best || rank_of(p.io_priority) < rank_of(*best)) {
            best = p.io_priority;
        }
    }));
    return best ? Reply(*best) : Reply(fail(Errc::no_process));
}

Reply ioprio_set(Process& self, std::uint32_t which, Pid who, std::uint32_t priority) noexcept {
    const std::uint32_t target = TRY(priority_target(which));
    const std::uint32_t kind = IOPRIO_PRIO_CLASS(priority);
    const std::uint32_t level = IOPRIO_PRIO_DATA(priority);
    const bool has_levels = kind == IOPRIO_CLASS_RT || kind == IOPRIO_CLASS_BE;
    if (kind > IOPRIO_CLASS_IDLE || (has_levels && level >= IOPRIO_BE_NR) ||
        (kind == IOPRIO_CLASS_NONE && level != 0)) {
        return fail(Errc::invalid_argument);
    }
    if (kind == IOPRIO_CLASS_RT && !self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    bool refused = false;
    LockGuard guard(process_lock);
    const bool found = for_each_named(self, target, who, [&](Process& p) {
        if (!self.identity.is_privileged() && p.identity.user.real != self.identity.user.real) {
            refused = true;
            return;
        }
        p.io_priority = static_cast<std::uint16_t>(priority);
    });
    if (!found) {
        return fail(Errc::no_process);
    }
    return refused ? Reply(fail(Errc::not_permitted)) : Reply(0U);
}

/// There are no namespaces, and nothing that threads share: only the call that asks for nothing
/// succeeds, and those that a process with one thread has come true already.
Reply unshare(Process&, std::uint32_t flags) noexcept {
    constexpr std::uint32_t own_already = CLONE_FS | CLONE_FILES | CLONE_SYSVSEM;
    return (flags & ~own_already) == 0 ? Reply(0U) : Reply(fail(Errc::invalid_argument));
}

}  // namespace kidney::kernel::calls
