/// Three mistakes that testing hardly finds: a wake-up that gets lost, a lock for readers and
/// writers that lets both in, two locks that are taken in both orders.
#include "tests/scenarios/scenario.hpp"
#include "tests/support/explored_threads.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::scenarios {
namespace {

using sim::ExploredCpu;

/// A consumer sleeps until there is something. Wrong: it looks, and then it sleeps; a wake-up that
/// comes in between finds nobody asleep, and these threads do not remember it.
struct LostWakeUp {
    static constexpr std::size_t threads = 2;
    using Threads = test::ExploredThreads</*Lossy=*/true>;
    ExploredCpu::Atomic<std::uint32_t> full{0};

    LostWakeUp() {
        Threads::reset();
        sim::name(&full, "full");
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            while (full.load() == 0) {
                Threads::block();
            }
        } else {
            full.store(1);
            Threads::wake(Threads::thread(0), sched::WakeHint::none);
        }
    }
    void check() {}
};
KIDNEY_SCENARIO(LostWakeUp, "a consumer that looks and then sleeps (wrong)");

/// Wrong: a reader sees that nobody writes and then counts itself in; a writer comes in between.
struct BrokenReaderWriterLock {
    static constexpr std::size_t threads = 2;
    ExploredCpu::Atomic<std::uint32_t> readers{0};
    ExploredCpu::Atomic<std::uint32_t> writing{0};
    std::uint32_t writers_inside = 0;

    BrokenReaderWriterLock() {
        sim::name(&readers, "readers");
        sim::name(&writing, "writing");
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            while (writing.load() != 0) {
                ExploredCpu::relax();
            }
            readers.fetch_add(1);
            sim::say("reads");
            sim::require(writers_inside == 0, "a reader beside a writer");
            readers.fetch_add(~std::uint32_t{0});
        } else {
            while (writing.exchange(1) != 0 || readers.load() != 0) {
                writing.store(0);
                ExploredCpu::relax();
            }
            ++writers_inside;
            sim::say("writes");
            writing.load();  // takes its time
            --writers_inside;
            writing.store(0);
        }
    }
    void check() {}
};
KIDNEY_SCENARIO(BrokenReaderWriterLock, "a lock for readers and writers (wrong)");

/// Test and set.
class Lock {
public:
    explicit Lock(std::string_view called) { sim::name(&taken_, called); }
    void lock() {
        while (taken_.exchange(1) != 0) {
            ExploredCpu::relax();
        }
    }
    void unlock() { taken_.store(0); }

private:
    ExploredCpu::Atomic<std::uint32_t> taken_{0};
};

/// Wrong: who transfers from A to B locks A first, who transfers from B to A locks B.
struct Deadlock {
    static constexpr std::size_t threads = 2;
    Lock a{"a"};
    Lock b{"b"};

    void run(std::size_t thread) {
        Lock& from = thread == 0 ? a : b;
        Lock& to = thread == 0 ? b : a;
        from.lock();
        to.lock();
        sim::say("transfers");
        to.unlock();
        from.unlock();
    }
    void check() {}
};
KIDNEY_SCENARIO(Deadlock, "two locks, taken in both orders (wrong)");

}  // namespace
}  // namespace kidney::scenarios
