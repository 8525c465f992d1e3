/// The heaps under real threads, each playing a CPU; it earns its keep under ThreadSanitizer.
///
/// Objects change hands all the time: every thread allocates, gives objects away and frees what it
/// was given, so that slabs, inboxes and pools of one CPU are at the mercy of the others.
#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "mm/heap/debug_heap.hpp"
#include "mm/heap/remote_ring.hpp"
#include "mm/heap/slab_heap.hpp"
#include "policies/heap.hpp"
#include "sched/sync/spin_lock.hpp"
#include "tests/laws/report.hpp"
#include "tests/support/heap_environment.hpp"
#include "tests/support/law_test.hpp"
#include "tests/support/memory_machine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

namespace kidney::test {
namespace {

constexpr LockRank heap_rank{90, "heap"};
constexpr LockRank frames_rank{98, "frames"};
constexpr std::uint32_t cpus = 3;

/// MemoryMachine's frames have a lock for one thread.
struct SharedFrames {
    explicit SharedFrames(MemoryMachine::Frames& frames) : base(frames) {}
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const LockGuard guard(lock);
        return base.allocate(order);
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        const LockGuard guard(lock);
        base.free(first, order);
    }
    sched::SpinLock<frames_rank, StdCpu> lock;
    MemoryMachine::Frames& base;
};

template <class Policy>
using HeapOf = typename Policy::template Heap<
    TestHeapEnvironment<SharedFrames, sched::SpinLock<heap_rank, StdCpu>>>;

/// The kernel's debug heap over the slabs.
struct NoReports {
    static void misuse(const mm::HeapMisuse&) noexcept {
        KIDNEY_INVARIANT(false, "no misuse here");
    }
};
struct DebugSlab {
    template <mm::HeapEnvironment E>
    using Heap = mm::DebugHeap<mm::SlabHeap<E>, NoReports, typename E::Cpu, typename E::Pin>;
};

template <class Policy>
class HeapStress : public testing::Test {
protected:
    MemoryMachine machine{4096};
    SharedFrames frames{machine.frames};
    HeapOf<Policy> heap{frames, machine.ram};
};
using Subjects = AsTestTypes<policies::heap::All, DebugSlab>;
TYPED_TEST_SUITE(HeapStress, Subjects);

/// A live object: its size stands in its first bytes, and its last byte is a check of it.
struct Parcel {
    std::uint32_t bytes;
};

TYPED_TEST(HeapStress, ObjectsChangeHands) {
    std::array<std::atomic<Parcel*>, 64> table{};
    std::atomic<int> damaged{0};
    const auto work = [&](std::uint32_t cpu) {
        StdCpu::become(CpuId(cpu));
        laws::Random random(cpu + 1);
        const auto end = [&](Parcel* parcel) {
            const std::uint32_t bytes = parcel->bytes;
            damaged += reinterpret_cast<unsigned char*>(parcel)[bytes - 1] ==
                               static_cast<unsigned char>(bytes)
                           ? 0
                           : 1;
            this->heap.free(parcel, bytes);
        };
        for (int i = 0; i < 4000; ++i) {
            const std::uint32_t bytes = 8 + random.below(random.below(32) == 0 ? 9000 : 300);
            if (const auto object = this->heap.allocate(bytes)) {
                std::memset(*object, static_cast<int>(bytes & 0xff), bytes);
                auto* const parcel = static_cast<Parcel*>(*object);
                parcel->bytes = bytes;
                if (Parcel* const old = table[random.below(64)].exchange(parcel)) {
                    end(old);
                }
            }
            if constexpr (mm::ReclaimableHeap<HeapOf<TypeParam>>) {
                if (random.below(500) == 0) {
                    static_cast<void>(this->heap.reclaim());
                }
            }
        }
        // Enough of one size to go through magazines and inboxes.
        std::vector<void*> many;
        for (int i = 0; i < 600; ++i) {
            many.push_back(*this->heap.allocate(64));
        }
        for (void* const object : many) {
            this->heap.free(object, 64);
        }
    };
    std::vector<std::thread> threads;
    for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
        threads.emplace_back(work, cpu);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(damaged, 0);
    for (auto& place : table) {
        if (Parcel* const parcel = place.exchange(nullptr)) {
            this->heap.free(parcel, parcel->bytes);
        }
    }
    EXPECT_EQ(this->heap.used_bytes(), 0U);
    if constexpr (mm::ReclaimableHeap<HeapOf<TypeParam>>) {
        static_cast<void>(this->heap.reclaim());  // whoever has it
    }
    EXPECT_GE(this->machine.frames.free_frames() + 16, this->machine.total)
        << "nothing is lost on the way home";
}

TEST(RemoteRing, KeepsTheOrderAndSaysWhenItIsFull) {
    mm::RemoteRing<StdCpu, 4> ring;
    std::array<int, 5> objects{};
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_TRUE(ring.push(&objects[i]));
    }
    EXPECT_FALSE(ring.push(&objects[4]));
    std::array<void*, 3> out{};
    EXPECT_EQ(ring.take(out), 3U);
    EXPECT_EQ(out[0], &objects[0]);
    EXPECT_EQ(out[2], &objects[2]);
    EXPECT_TRUE(ring.push(&objects[4]));
    EXPECT_EQ(ring.take(out), 2U);
    EXPECT_EQ(out[1], &objects[4]);
    EXPECT_EQ(ring.take(out), 0U);
}

}  // namespace
}  // namespace kidney::test
