/// Limits and usage.
#include "kernel/process/cpu_times.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/syscall/process_calls.hpp"
#include "kernel/syscall/rusage.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <linux/sched.h>

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

Status set_limit(Process& p, std::uint32_t resource, Limit limit, bool privileged) noexcept
    REQUIRES(World::process_lock) {
    TRY(p.limits.set(resource, limit, privileged));
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
    LockGuard guard(World::process_lock);
    TRY(set_limit(self, resource, {widen(l.current), widen(l.maximum)},
                  self.identity.is_privileged()));
    return 0U;
}

Reply prlimit64(Process& self, Pid pid, std::uint32_t resource, VirtAddr next,
                VirtAddr old) noexcept {
    WideLimit wanted{};
    if (next != VirtAddr(0)) {
        wanted = TRY(get_user(UserPtr<const WideLimit>(next)));
    }
    Limit before;
    {
        LockGuard guard(World::process_lock);
        Process* const target = pid.value() == 0 ? &self : processes().find(pid);
        if (target == nullptr) {
            return fail(Errc::no_process);
        }
        if (target != &self && !self.identity.may_limit(target->identity)) {
            return fail(Errc::not_permitted);
        }
        before = TRY(target->limits.get(resource));
        if (next != VirtAddr(0)) {
            TRY(set_limit(*target, resource, {wanted.current, wanted.maximum},
                          self.identity.is_privileged()));
        }
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
    Usage usage;
    {
        LockGuard guard(World::process_lock);
        usage = who == abi::usage_children ? self.children_usage
                : who == abi::usage_self   ? usage_of(self)
                                           : usage_of(self.this_thread());
    }
    TRY(put_rusage(to, usage));
    return 0U;
}

Reply times(Process& self, VirtAddr to) noexcept {
    constexpr std::int64_t tick = 10'000'000;  // 100 Hz, whatever the dispatcher's tick is
    const auto ticks = [](Duration d) { return static_cast<std::uint32_t>(d.count() / tick); };
    if (to != VirtAddr(0)) {
        struct Times {
            std::uint32_t user, system, children_user, children_system;
        };
        CpuTimes own, children;
        {
            LockGuard guard(World::process_lock);
            own = cpu_times(self);
            children = self.children_usage.times;
        }
        TRY(put_user(UserPtr<Times>(to), {ticks(own.user), ticks(own.system), ticks(children.user),
                                          ticks(children.system)}));
    }
    return static_cast<std::uint32_t>(Clock::now().nanoseconds() / tick);
}

/// There are no namespaces, and threads of a process share all they have: only the call that asks
/// for nothing succeeds, and those that a process with one thread has come true already.
Reply unshare(Process& self, std::uint32_t flags) noexcept {
    constexpr std::uint32_t own_already =
        CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
    LockGuard guard(World::process_lock);
    const std::uint32_t granted = self.threads.size() == 1 ? own_already : 0U;
    return (flags & ~granted) == 0 ? Reply(0U) : Reply(fail(Errc::invalid_argument));
}

}  // namespace kidney::kernel::calls
