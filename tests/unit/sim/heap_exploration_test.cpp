/// Objects on their way home, in every interleaving of the accesses to the rings and flags between
/// two CPUs: none is lost, none comes home twice.
#include "mm/heap/slab_heap.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sim/explorer.hpp"
#include "tests/support/heap_environment.hpp"
#include "tests/unit/mm/memory_machine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <optional>

namespace kidney::test {
namespace {

constexpr LockRank heap_rank{90, "heap"};

struct RingScenario {
    static constexpr std::size_t threads = 2;
    mm::RemoteRing<sim::ExploredCpu, 2> ring;
    std::array<int, 4> objects{};
    std::size_t sent = 0;
    std::size_t received = 0;

    void receive() {
        std::array<void*, 2> out{};
        for (std::size_t n = ring.take(out), i = 0; i < n; ++i) {
            sim::require(out[i] == &objects[received++], "in order, each once");
        }
    }
    void run(std::size_t thread) {
        for (std::size_t i = 0; i < objects.size(); ++i) {
            if (thread == 1) {
                receive();
            } else if (ring.push(&objects[sent])) {
                ++sent;
            }
        }
    }
    void check() {
        receive();
        sim::require(received == sent && sent >= 2, "all that was sent has arrived");
    }
};

TEST(HeapExploration, ARingLosesNothing) {
    const sim::Exploration all = sim::explore<RingScenario>({.preemptions = 4});
    EXPECT_TRUE(all.passed()) << all.failure << " in schedule " << all.schedule;
    EXPECT_GT(all.schedules, 100U);
}

/// CPU 1 frees what CPU 0 allocated and flushes it, while CPU 0 refills from its inbox.
struct HeapScenario {
    static constexpr std::size_t threads = 2;
    using Heap = mm::SlabHeap<TestHeapEnvironment<
        MemoryMachine::Frames, sched::SpinLock<heap_rank, sim::ExploredCpu>, sim::ExploredCpu>>;
    static constexpr std::size_t bytes = 4096;  // the class with the smallest magazine

    MemoryMachine machine{128};
    std::optional<Heap> heap;
    void* object;

    HeapScenario() {
        heap.emplace(machine.frames, machine.ram);
        object = *heap->allocate(bytes);  // outside of the threads, so on CPU 0
    }
    void run(std::size_t thread) {
        if (thread == 1) {
            heap->free(object, bytes);
            static_cast<void>(heap->reclaim());
            return;
        }
        std::array<void*, 6> taken{};
        for (void*& place : taken) {
            place = *heap->allocate(bytes);
        }
        for (void* const place : taken) {
            heap->free(place, bytes);
        }
    }
    void check() {
        sim::require(heap->used_bytes() == 0, "all is freed");
        static_cast<void>(heap->reclaim());
        sim::require(machine.frames.free_frames() + 2 >= machine.total, "and given back");
    }
};

TEST(HeapExploration, FreedElsewhereComesHome) {
    const sim::Exploration all = sim::explore<HeapScenario>({.preemptions = 1});
    EXPECT_TRUE(all.passed()) << all.failure << " in schedule " << all.schedule;
    EXPECT_GT(all.schedules, 50U);
}

}  // namespace
}  // namespace kidney::test
