#include "kernel/process/cpu_usage.hpp"

#include "arch/i686/context/user_time.hpp"
#include "arch/i686/smp/online.hpp"
#include "kernel/process/cpu_times.hpp"

#include <algorithm>
#include <array>
#include <atomic>

namespace kidney::kernel {
namespace {

struct Books {
    std::uint64_t user_ticks = 0;      ///< guarded by the CPU's run queue
    std::atomic<bool> is_busy{false};  ///< relaxed: a hint, as the length of the queue is
};
constinit std::array<Books, max_cpus> books;

[[nodiscard]] Duration time_of(std::uint64_t ticks) noexcept {
    return Duration::nanoseconds(static_cast<std::int64_t>(arch::clock_state.nanoseconds(ticks)));
}

using LoadLock = SpinLock<ranks::load_average>;
constinit LoadLock load_lock;
constinit sched::LoadAverage average GUARDED_BY(load_lock);

Instant sample_load(sched::TimerEntry&, Instant now) noexcept {
    const std::size_t active = runnable_threads();
    LockGuard guard(load_lock);
    average.sample(static_cast<std::uint32_t>(active));
    return now + sched::LoadAverage::interval;
}
constinit BootObject<sched::TimerEntry> load_timer;

}  // namespace

CpuTimes cpu_times(Thread& thread) noexcept {
    // In this order: what is in user time is in the whole.
    const Duration user = time_of(arch::user_ticks(thread.user_time));
    const Duration whole = dispatcher().cpu_time(thread);
    const Duration bounded = std::min(user, whole);
    return {bounded, whole - bounded};
}

CpuUsage cpu_usage(CpuId cpu) noexcept {
    CpuUsage usage;
    if (!arch::online_cpus().contains(cpu)) {
        return usage;
    }
    std::uint64_t ticks = 0;
    dispatcher().with_policy(cpu,
                             [&](const auto&) noexcept { ticks = books[cpu.value()].user_ticks; });
    usage.switches = dispatcher().switches(cpu);
    usage.idle = dispatcher().idle_time(cpu);
    const Duration busy = std::max(Clock::now() - Instant() - usage.idle, Duration());
    usage.user = std::min(time_of(ticks), busy);
    usage.system = busy - usage.user;
    return usage;
}

CpuUsage cpu_usage() noexcept {
    CpuUsage all;
    for (std::uint32_t n = 0; n < max_cpus; ++n) {
        const CpuUsage one = cpu_usage(CpuId(n));
        all.user += one.user;
        all.system += one.system;
        all.idle += one.idle;
        all.switches += one.switches;
    }
    return all;
}

std::size_t runnable_threads() noexcept {
    std::size_t count = 0;
    for (std::uint32_t n = 0; n < max_cpus; ++n) {
        count += dispatcher().queued(CpuId(n)) +
                 (books[n].is_busy.load(std::memory_order_relaxed) ? 1U : 0U);
    }
    return count;
}

bool is_runnable(Thread& thread) noexcept {
    for (;;) {
        const std::uint32_t cpu = thread.cpu.load();
        bool is_there = false;
        bool runs = false;
        dispatcher().with_policy(CpuId(cpu), [&](const auto&) noexcept {
            is_there = thread.cpu.load() == cpu;
            runs = thread.state == sched::ThreadState::running ||
                   thread.state == sched::ThreadState::ready;
        });
        if (is_there) {
            return runs;
        }
    }
}

void start_load_average() noexcept {
    sched::TimerEntry& timer = load_timer.create();
    timer.fired = &sample_load;
    timer.deadline = Clock::now() + sched::LoadAverage::interval;
    dispatcher().arm_timer(timer);
}

sched::LoadAverage load_average() noexcept {
    LockGuard guard(load_lock);
    return average;
}

void book_user_time(Thread& leaving) noexcept {
    const std::uint64_t ticks = leaving.user_time.ticks;
    books[Cpu::id().value()].user_ticks += ticks - leaving.booked_user_ticks;
    leaving.booked_user_ticks = ticks;
}

void note_running(const Thread& next) noexcept {
    Books& own = books[Cpu::id().value()];
    own.is_busy.store(!next.stack.empty(), std::memory_order_relaxed);  // an idle thread has none
}

void book_user_time_at_tick() noexcept {
    dispatcher().with_policy(Cpu::id(),
                             [](const auto&) noexcept { book_user_time(current_thread()); });
}

}  // namespace kidney::kernel
