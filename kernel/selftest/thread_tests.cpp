/// Threads, locks and timers on the real processors.
#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/smp/online.hpp"
#include "kernel/kernel.hpp"
#include "kernel/selftest/self_test.hpp"
#include "kernel/threads.hpp"

#include <array>
#include <atomic>

namespace kidney::kernel {
namespace {

constexpr std::uint32_t crowd = 6;

/// Starts `crowd` threads that all run `body(argument)` and waits until the last has finished.
template <class Shared>
void run_crowd(laws::Report& report, Shared& shared,
               void (*body)(Shared&, std::uint32_t) noexcept) {
    struct Member {
        Shared* shared;
        void (*body)(Shared&, std::uint32_t) noexcept;
        Semaphore* finished;
        std::uint32_t number;
    };
    Semaphore finished;
    std::array<Member, crowd> members{};
    std::uint32_t started = 0;
    for (std::uint32_t i = 0; i < crowd; ++i) {
        members[i] = {&shared, body, &finished, i};
        const auto entry = [](void* argument) noexcept {
            auto& self = *static_cast<Member*>(argument);
            self.body(*self.shared, self.number);
            self.finished->release();
        };
        if (start_kernel_thread("selftest", entry, &members[i])) {
            ++started;
        }
    }
    LAW_CHECK(report, started == crowd);
    for (std::uint32_t i = 0; i < started; ++i) {
        finished.acquire();
    }
}

void mutex_excludes(laws::Report& report) noexcept {
    struct Shared {
        Mutex<ranks::file> mutex;
        volatile std::uint32_t count = 0;
    } shared;
    constexpr std::uint32_t rounds = 500;
    run_crowd<Shared>(report, shared, [](Shared& s, std::uint32_t) noexcept {
        for (std::uint32_t i = 0; i < rounds; ++i) {
            const LockGuard guard(s.mutex);
            const std::uint32_t seen = s.count;
            if (i % 16 == 0) {
                dispatcher().yield();
            }
            s.count = seen + 1;
        }
    });
    LAW_CHECK(report, shared.count == crowd * rounds);
}

void spin_lock_excludes(laws::Report& report) noexcept {
    struct Shared {
        SpinLock<ranks::signals> lock;
        volatile std::uint32_t count = 0;
    } shared;
    constexpr std::uint32_t rounds = 3000;
    run_crowd<Shared>(report, shared, [](Shared& s, std::uint32_t) noexcept {
        for (std::uint32_t i = 0; i < rounds; ++i) {
            const LockGuard guard(s.lock);
            s.count = s.count + 1;
        }
    });
    LAW_CHECK(report, shared.count == crowd * rounds);
}

/// A token goes round; a lost wake-up would stop it for ever (and the test's deadline would tell).
void no_wake_up_is_lost(laws::Report& report) noexcept {
    struct Shared {
        std::array<Semaphore, crowd> turn;
        std::atomic<std::uint32_t> passes{0};
    } shared;
    constexpr std::uint32_t rounds = 300;
    shared.turn[0].release();
    run_crowd<Shared>(report, shared, [](Shared& s, std::uint32_t me) noexcept {
        for (std::uint32_t i = 0; i < rounds; ++i) {
            s.turn[me].acquire();
            s.passes.fetch_add(1, std::memory_order_relaxed);
            s.turn[(me + 1) % crowd].release();
        }
    });
    LAW_CHECK(report, shared.passes.load() == crowd * rounds);
}

void sleepers_wake_in_order(laws::Report& report) noexcept {
    struct Shared {
        Instant start = Clock::now();
        std::atomic<std::uint32_t> woken{0};
        std::array<std::uint32_t, crowd> order{};
        std::array<bool, crowd> in_time{};
    } shared;
    run_crowd<Shared>(report, shared, [](Shared& s, std::uint32_t me) noexcept {
        const Instant deadline = s.start + Duration::milliseconds(20 * (1 + (crowd - me)));
        dispatcher().sleep_until(deadline);
        s.in_time[me] = Clock::now() >= deadline;
        s.order[s.woken.fetch_add(1)] = me;
    });
    for (std::uint32_t i = 0; i < crowd; ++i) {
        LAW_CHECK(report, shared.in_time[i]);
    }
    LAW_CHECK(report, shared.woken.load() == crowd);
}

/// Threads that never sleep or yield share the machine: the timer takes the CPU away.
void hogs_are_preempted(laws::Report& report) noexcept {
    struct Shared {
        std::atomic<std::uint32_t> running{0};
        std::atomic<bool> all_seen{false};
    } shared;
    run_crowd<Shared>(report, shared, [](Shared& s, std::uint32_t) noexcept {
        s.running.fetch_add(1);
        while (!s.all_seen.load(std::memory_order_relaxed)) {
            if (s.running.load(std::memory_order_relaxed) == crowd) {
                s.all_seen.store(true);
            }
            Cpu::relax();
        }
    });
    LAW_CHECK(report, shared.all_seen.load());
}

/// What the boot CPU's firmware has set up, the others' has not: they come from INIT.
void every_cpu_is_set_up_alike(laws::Report& report) noexcept {
    struct Shared {
        std::atomic<std::uint32_t> seen{0};
        std::array<std::uint32_t, max_cpus> cr0{};
        std::array<std::uint32_t, max_cpus> cr4{};
    } shared;
    const CpuSet online = arch::online_cpus();
    run_crowd<Shared>(report, shared, [](Shared& s, std::uint32_t) noexcept {
        do {  // idle CPUs steal from busy ones, so each gets one of us
            Preemption::disable();
            const std::uint32_t me = Cpu::id().value();
            s.cr0[me] = arch::read_cr0();
            s.cr4[me] = arch::read_cr4();
            s.seen.fetch_or(1U << me);
            Preemption::enable();
        } while (s.seen.load() != arch::online_cpus().bits());
    });
    // PE MP ET NE WP AM PG: no task switched (the FPU is not lazy), and caches on.
    constexpr std::uint32_t expected_cr0 = 0x8005'0033;
    for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
        if (online.contains(CpuId(cpu))) {
            LAW_CHECK(report, shared.cr0[cpu] == expected_cr0);
            LAW_CHECK(report, shared.cr4[cpu] == shared.cr4[0]);
        }
    }
}

constexpr std::array thread_test_list{
    SelfTest{"a mutex excludes", &mutex_excludes},
    SelfTest{"a spin lock excludes", &spin_lock_excludes},
    SelfTest{"no wake-up is lost", &no_wake_up_is_lost},
    SelfTest{"sleepers wake after their deadlines", &sleepers_wake_in_order},
    SelfTest{"every CPU is set up alike", &every_cpu_is_set_up_alike},
    SelfTest{"hogs are preempted", &hogs_are_preempted},
};

}  // namespace

std::span<const SelfTest> thread_self_tests() noexcept {
    constexpr std::span<const SelfTest> tests(thread_test_list);
    // The last one would wait for ever under a policy that lets everybody finish.
    return sched::traits_of<SchedulerPolicy>().run_to_completion ? tests.first(tests.size() - 1)
                                                                 : tests;
}

}  // namespace kidney::kernel
