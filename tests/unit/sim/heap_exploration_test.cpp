/// Objects on their way home, in every interleaving of the accesses to the rings and flags between
/// two CPUs: none is lost, none comes home twice.
#include "mm/heap/debug_heap.hpp"
#include "mm/heap/slab_heap.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sim/explorer.hpp"
#include "tests/fakes/fake_heap.hpp"
#include "tests/support/expect_all_pass.hpp"
#include "tests/support/heap_environment.hpp"
#include "tests/support/memory_machine.hpp"

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
    expect_all_pass<RingScenario>(4);
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

/// CPU 1 takes back all that is free while CPU 0 is busy, and again when it is not.
struct ReclaimScenario : HeapScenario {
    void run(std::size_t thread) {
        if (thread == 1) {
            static_cast<void>(heap->reclaim());
            return;
        }
        heap->free(object, bytes);
        void* const first = *heap->allocate(bytes);
        void* const second = *heap->allocate(bytes);
        sim::require(first != second, "nobody else has it");
        heap->free(first, bytes);
        heap->free(second, bytes);
    }
};

TEST(HeapExploration, TheMagazinesOfABusyCpuCanBeEmptied) {
    expect_all_pass<ReclaimScenario>(1);
}

struct Misuses {
    static inline int count = 0;
    static void misuse(const mm::HeapMisuse&) noexcept { ++count; }
};
using ExploredDebugHeap = mm::DebugHeap<fakes::FakeHeap, Misuses, sim::ExploredCpu, hal::NoPin>;

/// Both CPUs free the same object.
struct TwoFreesScenario {
    static constexpr std::size_t threads = 2;
    ExploredDebugHeap heap;
    void* object = *heap.allocate(40);

    TwoFreesScenario() { Misuses::count = 0; }
    void run(std::size_t) { heap.free(object, 40); }
    void check() {
        sim::require(Misuses::count == 1, "one of the two is told that it comes second");
        sim::require(heap.empty_quarantine() == 1 && heap.used_bytes() == 0, "freed once");
    }
};

TEST(HeapExploration, OneOfTwoFreesIsCaught) {
    expect_all_pass<TwoFreesScenario>(3);
}

/// CPU 1 empties the quarantine while CPU 0 puts something into it.
struct QuarantineScenario {
    static constexpr std::size_t threads = 2;
    ExploredDebugHeap heap;
    std::array<void*, 2> objects{*heap.allocate(40), *heap.allocate(40)};
    std::size_t ended = 0;

    QuarantineScenario() { Misuses::count = 0; }
    void run(std::size_t thread) {
        if (thread == 1) {
            ended = heap.empty_quarantine();
            return;
        }
        for (void* const object : objects) {
            heap.free(object, 40);
        }
    }
    void check() {
        sim::require(Misuses::count == 0 && ended + heap.empty_quarantine() == objects.size() &&
                         heap.live_objects() == 0,
                     "nothing is lost, nothing is freed twice");
    }
};

TEST(HeapExploration, TheQuarantineOfABusyCpuCanBeEmptied) {
    expect_all_pass<QuarantineScenario>(2);
}

TEST(HeapExploration, FreedElsewhereComesHome) {
    expect_all_pass<HeapScenario>(1);
}

}  // namespace
}  // namespace kidney::test
