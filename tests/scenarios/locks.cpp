/// The locks of the kernel. Each keeps what it promises in every schedule that can be tried.
#include "kidney/core/lock.hpp"
#include "sched/sync/mcs_lock.hpp"
#include "sched/sync/mutex.hpp"
#include "sched/sync/reader_writer_lock.hpp"
#include "sched/sync/semaphore.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/sync/ticket_lock.hpp"
#include "tests/scenarios/scenario.hpp"
#include "tests/support/explored_threads.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::scenarios {
namespace {

using sim::ExploredCpu;
using Threads = test::ExploredThreads<>;
constexpr LockRank rank{10, "lock"};

/// One at a time.
template <class L>
struct Excludes {
    static constexpr std::size_t threads = 3;
    L lock;
    ExploredCpu::Atomic<std::uint32_t> inside{0};
    std::uint32_t total = 0;

    Excludes() {
        Threads::reset();
        sim::name(&inside, "inside");
    }
    void run(std::size_t) {
        const LockGuard guard(lock);
        sim::require(inside.exchange(1) == 0, "two have the lock");
        ++total;
        inside.store(0);
    }
    void check() { sim::require(total == threads, "somebody did not get it"); }
};
using TicketLock = Excludes<sched::SpinLock<rank, ExploredCpu, sched::TicketLock>>;
KIDNEY_SCENARIO(TicketLock, "three threads and a ticket lock");
using McsLock = Excludes<sched::SpinLock<rank, ExploredCpu, sched::McsLock>>;
KIDNEY_SCENARIO(McsLock, "three threads and an MCS lock");
using Mutex = Excludes<sched::Mutex<rank, Threads>>;
KIDNEY_SCENARIO(Mutex, "three threads and a mutex");

struct ReaderWriterLock {
    static constexpr std::size_t threads = 3;
    sched::ReaderWriterLock<rank, Threads> lock;
    ExploredCpu::Atomic<std::uint32_t> readers{0};
    ExploredCpu::Atomic<std::uint32_t> writers{0};

    ReaderWriterLock() {
        Threads::reset();
        sim::name(&readers, "readers");
        sim::name(&writers, "writers");
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            const LockGuard guard(lock);
            sim::require(writers.exchange(1) == 0 && readers.load() == 0, "a writer beside others");
            writers.store(0);
        } else {
            const sched::ReaderGuard guard(lock);
            readers.fetch_add(1);
            sim::require(writers.load() == 0, "a reader beside a writer");
            readers.fetch_add(~std::uint32_t{0});
        }
    }
    void check() {}
};
KIDNEY_SCENARIO(ReaderWriterLock, "a writer and two readers");

/// Two producers and one who takes both.
struct Semaphore {
    static constexpr std::size_t threads = 3;
    sched::Semaphore<Threads> things{0};
    std::uint32_t taken = 0;

    Semaphore() { Threads::reset(); }
    void run(std::size_t thread) {
        if (thread != 0) {
            things.release();
            return;
        }
        for (; taken < 2; ++taken) {
            things.acquire();
        }
    }
    void check() { sim::require(taken == 2, "something was not taken"); }
};
KIDNEY_SCENARIO(Semaphore, "two producers and a consumer with a semaphore");

}  // namespace
}  // namespace kidney::scenarios
