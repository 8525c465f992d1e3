/// Who gets the processors: priorities, scheduling classes, affinity.
#include "arch/i686/smp/online.hpp"
#include "kernel/names.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/syscall/process_calls.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "proc/priorities.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <optional>

namespace kidney::kernel::calls {
namespace {

/// The thread `number` (0: the caller). Errors: invalid_argument, no_process.
Result<Thread*> named(Process& self, Pid number) noexcept REQUIRES(World::process_lock) {
    if (number.value() < 0) {
        return fail(Errc::invalid_argument);
    }
    Thread* const t = number.value() == 0 ? &self.this_thread() : processes().find_thread(number);
    return t == nullptr ? Result<Thread*>(fail(Errc::no_process)) : t;
}

/// Calls f for every thread that (which, who) names. False: there is none.
template <class F>
bool for_each_named(Process& self, std::uint32_t which, Pid who, F&& f) noexcept
    REQUIRES(World::process_lock) {
    if (which == abi::priority_process) {
        const Result<Thread*> one = named(self, who);
        if (one) {
            f(**one);
        }
        return one.has_value();
    }
    bool found = false;
    for (Process& p : processes().all()) {
        const bool is_named =
            which == abi::priority_group
                ? p.group == (who.value() == 0 ? self.group : who)
                : p.identity.user.real == (who.value() == 0 ? self.identity.user.real : who.word());
        if (is_named) {
            for (Thread& t : p.threads) {
                found = true;
                f(t);
            }
        }
    }
    return found;
}

std::uint64_t limit_of(const Process& p, std::uint32_t resource) noexcept {
    return p.limits.get(resource).value_or(Limit{}).current;
}

/// Tells the dispatcher how much of the processors a thread shall have.
void schedule(Thread& t, const SchedulingClass& what, std::int32_t nice) noexcept
    REQUIRES(World::process_lock) {
    t.scheduling = what;
    dispatcher().change(t, [&](sched::SchedulingParameters& parameters) noexcept {
        const CpuSet allowed = parameters.allowed;
        parameters = scheduling_parameters(what, nice);
        parameters.allowed = allowed;
    });
}

}  // namespace

Reply getpriority(Process& self, std::uint32_t which, Pid who) noexcept {
    if (which > abi::priority_user) {
        return fail(Errc::invalid_argument);
    }
    std::int32_t best = highest_nice;
    LockGuard guard(World::process_lock);
    if (!for_each_named(self, which, who,
                        [&](Thread& t) { best = std::min(best, std::int32_t{t.nice}); })) {
        return fail(Errc::no_process);
    }
    return static_cast<std::uint32_t>(20 - best);  // 1 .. 40, so that it is never an error
}

Reply setpriority(Process& self, std::uint32_t which, Pid who, std::int32_t wanted) noexcept {
    if (which > abi::priority_user) {
        return fail(Errc::invalid_argument);
    }
    const std::int32_t nice = std::clamp(wanted, lowest_nice, highest_nice);
    Status failed;
    LockGuard guard(World::process_lock);
    const bool found = for_each_named(self, which, who, [&](Thread& t) KIDNEY_NO_TSA("lock held") {
        const Process& p = *t.process;
        const NiceChange change{t.nice, nice, limit_of(p, abi::limit_nice)};
        if (Status may = may_renice(self.identity.user, p.identity.user, change); !may) {
            failed = std::move(may);
            return;
        }
        schedule(t, t.scheduling, nice);
    });
    if (!found) {
        return fail(Errc::no_process);
    }
    TRY(std::move(failed));
    return 0U;
}

/// Unlike setpriority, it says EPERM.
Reply nice(Process& self, std::int32_t increment) noexcept {
    const Reply done = setpriority(self, abi::priority_process, Pid(0),
                                   std::clamp(increment, -40, 40) + self.this_thread().nice);
    return !done && done.error() == Errc::permission_denied ? Reply(fail(Errc::not_permitted))
                                                            : done;
}

Reply sched_yield(Process&) noexcept {
    dispatcher().yield();
    return 0U;
}

// --- Affinity ---

namespace {

using CpuMask = std::array<std::byte, sizeof(std::uint32_t)>;

/// As named(); the calls about CPUs do not mind a negative number.
Result<Thread*> bound(Process& self, Pid pid) noexcept REQUIRES(World::process_lock) {
    return pid.value() < 0 ? fail(Errc::no_process) : named(self, pid);
}

}  // namespace

Reply sched_getaffinity(Process& self, Pid pid, std::uint32_t size, VirtAddr to) noexcept {
    if (size < sizeof(CpuMask) || size % sizeof(CpuMask) != 0) {
        return fail(Errc::invalid_argument);
    }
    CpuSet allowed;
    {
        LockGuard guard(World::process_lock);
        allowed = TRY(bound(self, pid))->allowed;
    }
    TRY(put_user(UserPtr<std::uint32_t>(to), allowed.in_common_with(arch::online_cpus()).bits()));
    return std::uint32_t{sizeof(CpuMask)};
}

/// Whoever runs on a CPU that it may not use any more is on another one when this returns, if it
/// is the caller, or soon.
Reply sched_setaffinity(Process& self, Pid pid, std::uint32_t size, VirtAddr from) noexcept {
    CpuMask mask{};
    TRY(copy_in(std::span(mask).first(std::min<std::size_t>(size, mask.size())), from));
    LockGuard guard(World::process_lock);
    Thread* const target = TRY(bound(self, pid));
    if (!may_schedule(self.identity.user, target->process->identity.user)) {
        return fail(Errc::not_permitted);
    }
    std::uint32_t wanted = 0;
    std::memcpy(&wanted, mask.data(), sizeof wanted);
    const CpuSet allowed(wanted);
    if (allowed.in_common_with(arch::online_cpus()).is_empty()) {
        return fail(Errc::invalid_argument);
    }
    dispatcher().change(*target, [allowed](sched::SchedulingParameters& parameters) noexcept {
        parameters.allowed = allowed;
    });
    return 0U;
}

Reply getcpu(Process&, UserPtr<std::uint32_t> cpu, UserPtr<std::uint32_t> node) noexcept {
    TRY(put_user_if(cpu, Cpu::id().value()));
    TRY(put_user_if(node, 0U));
    return 0U;
}

// --- Scheduling classes ---

namespace {

/// nullopt: stays what it is.
Status reschedule(Process& self, Pid pid, std::optional<SchedulingClass> wanted,
                  std::optional<std::uint32_t> priority,
                  std::optional<std::int32_t> nice) noexcept {
    LockGuard guard(World::process_lock);
    Thread* const target = TRY(named(self, pid));
    const Process& owner = *target->process;
    SchedulingClass next = wanted.value_or(target->scheduling);
    if (priority) {
        next = TRY(scheduling_class(target->scheduling.policy, *priority));
        next.reset_on_fork = target->scheduling.reset_on_fork;
    }
    const std::uint64_t nice_limit = limit_of(owner, abi::limit_nice);
    TRY(may_reschedule(self.identity.user, owner.identity.user,
                       {target->scheduling, next, target->nice, nice_limit,
                        limit_of(owner, abi::limit_realtime_priority)}));
    const std::int32_t new_nice = nice.value_or(target->nice);
    if (!may_renice(self.identity.user, owner.identity.user,
                    {target->nice, new_nice, nice_limit})) {
        return fail(Errc::not_permitted);
    }
    if (next.is_deadline()) {
        std::uint64_t others = 0;
        processes().for_each([&](Process& p) KIDNEY_NO_TSA("called with the lock held") {
            for (const Thread& t : p.threads) {
                others += &t == target ? 0 : bandwidth_of(t.scheduling.reservation);
            }
        });
        if (others + bandwidth_of(next.reservation) >
            most_bandwidth(static_cast<std::uint32_t>(std::popcount(arch::online_cpus().bits())))) {
            return fail(Errc::busy);
        }
    }
    schedule(*target, next, new_nice);
    return {};
}

Result<SchedulingClass> class_of(Process& self, Pid pid) noexcept {
    LockGuard guard(World::process_lock);
    return TRY(named(self, pid))->scheduling;
}

}  // namespace

Reply sched_getscheduler(Process& self, Pid pid) noexcept {
    const SchedulingClass now = TRY(class_of(self, pid));
    return now.policy | (now.reset_on_fork ? std::uint32_t{SCHED_RESET_ON_FORK} : 0U);
}

Reply sched_getparam(Process& self, Pid pid, UserPtr<std::uint32_t> to) noexcept {
    if (to.is_null()) {
        return fail(Errc::invalid_argument);
    }
    const SchedulingClass now = TRY(class_of(self, pid));
    TRY(put_user(to, std::uint32_t{now.priority}));
    return 0U;
}

Reply sched_setscheduler(Process& self, Pid pid, std::uint32_t policy,
                         UserPtr<const std::uint32_t> priority) noexcept {
    if (pid.value() < 0 || priority.is_null() || static_cast<std::int32_t>(policy) < 0) {
        return fail(Errc::invalid_argument);
    }
    const std::uint32_t wanted = TRY(get_user(priority));
    {
        LockGuard guard(World::process_lock);
        TRY(named(self, pid));
    }
    TRY(reschedule(self, pid, TRY(scheduling_class(policy, wanted)), std::nullopt, std::nullopt));
    return 0U;
}

Reply sched_setparam(Process& self, Pid pid, UserPtr<const std::uint32_t> priority) noexcept {
    if (pid.value() < 0 || priority.is_null()) {
        return fail(Errc::invalid_argument);
    }
    TRY(reschedule(self, pid, std::nullopt, TRY(get_user(priority)), std::nullopt));
    return 0U;
}

Reply sched_get_priority_max(Process&, std::uint32_t policy) noexcept {
    return TRY(priorities_of(policy)).highest;
}
Reply sched_get_priority_min(Process&, std::uint32_t policy) noexcept {
    return TRY(priorities_of(policy)).lowest;
}

namespace {

Result<Duration> slice_of(Process& self, Pid pid) noexcept {
    const SchedulingClass now = TRY(class_of(self, pid));
    return now.policy == SCHED_FIFO ? Duration() : sched::or_default::quantum<SchedulerPolicy>();
}

}  // namespace

Reply sched_rr_get_interval(Process& self, Pid pid, VirtAddr to) noexcept {
    TRY(put_timespec<Timespec32>(to, TRY(slice_of(self, pid))));
    return 0U;
}
Reply sched_rr_get_interval64(Process& self, Pid pid, VirtAddr to) noexcept {
    TRY(put_timespec<Timespec64>(to, TRY(slice_of(self, pid))));
    return 0U;
}

namespace {

/// struct sched_attr; programs pass its size, and may know more or less of it.
struct SchedulingAttributes {
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
    std::uint32_t least_use, most_use;
};
constexpr std::uint32_t first_size = 48;  ///< without the last two
static_assert(sizeof(SchedulingAttributes) == 56);

/// Errors: argument_list_long (it says something that we do not know), bad_address.
Result<SchedulingAttributes> take_attributes(VirtAddr from) noexcept {
    const std::uint32_t given = TRY(get_user(UserPtr<const std::uint32_t>(from)));
    const std::uint32_t size = given == 0 ? first_size : given;
    SchedulingAttributes attributes{};
    if (size < first_size || size > page_size) {
        ignore_error(put_user(UserPtr<std::uint32_t>(from), std::uint32_t{sizeof attributes}),
                     "the size that we know is only a hint");
        return fail(Errc::argument_list_long);
    }
    TRY(copy_structure(std::as_writable_bytes(std::span(&attributes, 1)), from, size));
    return attributes;
}

}  // namespace

Reply sched_setattr(Process& self, Pid pid, VirtAddr from, std::uint32_t flags) noexcept {
    if (pid.value() < 0 || from == VirtAddr(0) || flags != 0) {
        return fail(Errc::invalid_argument);
    }
    const SchedulingAttributes a = TRY(take_attributes(from));
    constexpr std::uint64_t keeps_policy = SCHED_FLAG_KEEP_POLICY;
    constexpr std::uint64_t keeps_parameters = SCHED_FLAG_KEEP_PARAMS;
    constexpr std::uint64_t known = SCHED_FLAG_RESET_ON_FORK | keeps_policy | keeps_parameters;
    if ((a.flags & ~known) != 0 || static_cast<std::int32_t>(a.policy) < 0) {
        return fail(Errc::invalid_argument);
    }
    const SchedulingClass now = TRY(class_of(self, pid));
    const bool keeps = (a.flags & keeps_parameters) != 0;
    const std::uint32_t policy = (a.flags & keeps_policy) != 0 ? now.policy : a.policy;
    constexpr bool takes_reservations = sched::traits_of<SchedulerPolicy>().takes_reservations;
    SchedulingClass next = now;
    if (!(keeps && policy == now.policy)) {
        next =
            policy == SCHED_DEADLINE && takes_reservations && a.priority == 0
                ? TRY(deadline_class(a.runtime, a.deadline, a.period))
                : TRY(scheduling_class(policy, keeps ? std::uint32_t{now.priority} : a.priority));
    }
    next.reset_on_fork = (a.flags & SCHED_FLAG_RESET_ON_FORK) != 0;
    const bool has_nice = next.policy == SCHED_NORMAL || next.policy == SCHED_BATCH;
    TRY(reschedule(self, pid, next, std::nullopt,
                   has_nice && !keeps ? std::optional(std::clamp(a.nice, lowest_nice, highest_nice))
                                      : std::nullopt));
    return 0U;
}

Reply sched_getattr(Process& self, Pid pid, VirtAddr to, std::uint32_t size,
                    std::uint32_t flags) noexcept {
    if (pid.value() < 0 || to == VirtAddr(0) || size < first_size || size > page_size ||
        flags != 0) {
        return fail(Errc::invalid_argument);
    }
    SchedulingAttributes a{};
    {
        LockGuard guard(World::process_lock);
        const Thread* const t = TRY(named(self, pid));
        a.policy = t->scheduling.policy;
        a.priority = t->scheduling.priority;
        const auto of = [](Duration d) { return static_cast<std::uint64_t>(d.count()); };
        a.runtime = of(t->scheduling.reservation.runtime);
        a.deadline = of(t->scheduling.reservation.deadline);
        a.period = of(t->scheduling.reservation.period);
        a.nice = t->scheduling.is_real_time() ? 0 : t->nice;
        a.flags = t->scheduling.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0U;
    }
    a.size = std::min<std::uint32_t>(size, sizeof a);
    TRY(copy_out(to, std::as_bytes(std::span(&a, 1)).first(a.size)));
    return 0U;
}

// --- Priorities of input and output ---

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
    LockGuard guard(World::process_lock);
    static_cast<void>(for_each_named(self, target, who, [&](Thread& t) {
        if (!best || rank_of(t.io_priority) < rank_of(*best)) {
            best = t.io_priority;
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
    LockGuard guard(World::process_lock);
    const bool found = for_each_named(self, target, who, [&](Thread& t) {
        const Process& p = *t.process;
        if (self.identity.user.real != p.identity.user.real &&
            !may_schedule(self.identity.user, {.real = p.identity.user.real, .effective = no_id})) {
            refused = true;
            return;
        }
        t.io_priority = static_cast<std::uint16_t>(priority);
    });
    if (!found) {
        return fail(Errc::no_process);
    }
    return refused ? Reply(fail(Errc::not_permitted)) : Reply(0U);
}

}  // namespace kidney::kernel::calls
