/// What a debug heap finds, and that it names the places.
#include "mm/heap/debug_heap.hpp"

#include "tests/fakes/fake_heap.hpp"
#include "tests/laws/object_allocator_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace kidney::mm {
namespace {

/// Keeps the first report of a test instead of ending the program.
struct KeptReports {
    static inline std::vector<HeapMisuse> kept;
    static void misuse(const HeapMisuse& misuse) noexcept { kept.push_back(misuse); }
};
using Heap = DebugHeap<fakes::FakeHeap, KeptReports, test::StdCpu, hal::NoPin>;
static_assert(ObjectAllocator<Heap>);

volatile int last_call = 0;

// Two places of each kind, to tell them apart.
[[gnu::noinline]] char* allocate_here(Heap& heap, std::size_t bytes) {
    return static_cast<char*>(*heap.allocate(bytes));
}
[[gnu::noinline]] void free_here(Heap& heap, void* object, std::size_t bytes) {
    heap.free(object, bytes);
    last_call = 1;  // no tail call: the return address is in here
}
[[gnu::noinline]] void free_there(Heap& heap, void* object, std::size_t bytes) {
    heap.free(object, bytes);
    last_call = 2;
}
/// Is it the address of an instruction of `function`, all of which are short?
template <class F>
testing::AssertionResult is_in(std::uintptr_t place, F* function) {
    const std::uintptr_t offset = place - reinterpret_cast<std::uintptr_t>(function);
    return offset < 2048 ? testing::AssertionSuccess()
                         : testing::AssertionFailure() << "a place far away: " << place;
}

struct DebugHeapTest : testing::Test {
    Heap heap;
    DebugHeapTest() { KeptReports::kept.clear(); }
    ~DebugHeapTest() override { test::StdCpu::become(CpuId(0)); }
    const HeapMisuse& report() const {
        static const HeapMisuse none{"nothing", nullptr, 0, 0, 0, 0};
        return KeptReports::kept.empty() ? none : KeptReports::kept.front();
    }
};

TEST_F(DebugHeapTest, PassesTheLaws) {
    test::LawReport report;
    laws::run_laws<laws::ObjectAllocatorLaws<Heap>>(report, heap, 1U);
    test::expect_laws_held(report);
    heap.empty_quarantine();
    EXPECT_EQ(heap.live_objects(), 0U);
    EXPECT_TRUE(KeptReports::kept.empty());
}

TEST_F(DebugHeapTest, ASecondFreeNamesAllThreePlaces) {
    char* const object = allocate_here(heap, 40);
    free_here(heap, object, 40);
    EXPECT_TRUE(KeptReports::kept.empty());
    free_there(heap, object, 40);
    EXPECT_STREQ(report().what, "freed twice");
    EXPECT_EQ(report().object, object);
    EXPECT_EQ(report().bytes, 40U);
    EXPECT_TRUE(is_in(report().allocated_at, &allocate_here));
    EXPECT_TRUE(is_in(report().freed_at, &free_here));
    EXPECT_TRUE(is_in(report().noticed_at, &free_there));
}

TEST_F(DebugHeapTest, ASecondFreeOnAnotherCpuNamesThemAsWell) {
    char* const object = allocate_here(heap, 40);
    test::StdCpu::become(CpuId(1));
    free_here(heap, object, 40);
    test::StdCpu::become(CpuId(2));
    free_there(heap, object, 40);
    EXPECT_STREQ(report().what, "freed twice");
    EXPECT_TRUE(is_in(report().allocated_at, &allocate_here));
    EXPECT_TRUE(is_in(report().freed_at, &free_here));
    EXPECT_TRUE(is_in(report().noticed_at, &free_there));
}

TEST_F(DebugHeapTest, AWriteAfterTheFreeNamesBothPlaces) {
    char* const object = allocate_here(heap, 40);
    free_here(heap, object, 40);
    object[39] = 1;
    EXPECT_EQ(heap.empty_quarantine(), 1U);
    EXPECT_STREQ(report().what, "written after it was freed");
    EXPECT_TRUE(is_in(report().allocated_at, &allocate_here));
    EXPECT_TRUE(is_in(report().freed_at, &free_here));
}

TEST_F(DebugHeapTest, WritesBesideAnObjectAreFound) {
    char* object = allocate_here(heap, 40);
    object[40] = 0;
    free_here(heap, object, 40);
    EXPECT_STREQ(report().what, "written past its end");
    EXPECT_TRUE(is_in(report().allocated_at, &allocate_here));
    EXPECT_EQ(report().freed_at, 0U);
    KeptReports::kept.clear();
    object = allocate_here(heap, 40);
    object[-1] = 0;
    free_here(heap, object, 40);
    EXPECT_STREQ(report().what, "written before its start, or not an object");
}

TEST_F(DebugHeapTest, AWrongSizeIsFound) {
    char* const object = allocate_here(heap, 40);
    free_here(heap, object, 41);
    EXPECT_STREQ(report().what, "freed with a wrong size");
}

TEST_F(DebugHeapTest, TheQuarantineIsBounded) {
    char* const first = allocate_here(heap, 100);
    free_here(heap, first, 100);
    first[0] = 1;
    for (int i = 0; i < 2000 && KeptReports::kept.empty(); ++i) {
        free_here(heap, allocate_here(heap, 100), 100);
    }
    EXPECT_STREQ(report().what, "written after it was freed") << "it left after some time";
    free_here(heap, allocate_here(heap, 1'000'000), 1'000'000);
    EXPECT_LT(heap.live_objects(), 300U);
    EXPECT_LT(heap.fakes::FakeHeap::used_bytes(), 200'000U);
}

TEST_F(DebugHeapTest, GivesTheQuarantineBackWhenMemoryIsShort) {
    free_here(heap, allocate_here(heap, 100), 100);
    heap.fail_at(1);
    char* const object = allocate_here(heap, 10);
    EXPECT_EQ(heap.live_objects(), 1U);
    free_here(heap, object, 10);
}

TEST_F(DebugHeapTest, OneCpuChecksWhatAllHaveInQuarantine) {
    std::vector<char*> objects;
    for (std::uint32_t cpu = 0; cpu < 3; ++cpu) {
        objects.push_back(allocate_here(heap, 100));
    }
    for (std::uint32_t cpu = 0; cpu < 3; ++cpu) {
        test::StdCpu::become(CpuId(cpu));
        free_here(heap, objects[cpu], 100);
    }
    objects[0][0] = 1;
    EXPECT_EQ(heap.empty_quarantine(), 3U);
    EXPECT_STREQ(report().what, "written after it was freed");
    EXPECT_EQ(report().object, objects[0]);
    EXPECT_EQ(heap.live_objects(), 1U) << "the bad one is left alone";
}

TEST_F(DebugHeapTest, CountsWhatIsFreedOnAnotherCpu) {
    char* const object = allocate_here(heap, 40);
    test::StdCpu::become(CpuId(1));
    EXPECT_EQ(heap.used_bytes(), 40U);
    free_here(heap, object, 40);
    EXPECT_EQ(heap.used_bytes(), 0U);
    for (std::size_t n = 0; n < Heap::most_sites; ++n) {
        EXPECT_EQ(heap.site(n).objects, 0U);
        EXPECT_EQ(heap.site(n).bytes, 0U);
    }
}

TEST_F(DebugHeapTest, TellsWhoHasTheLiveObjects) {
    char* const kept = allocate_here(heap, 40);
    free_here(heap, allocate_here(heap, 50), 50);
    HeapSite found;
    for (std::size_t n = 0; n < Heap::most_sites; ++n) {
        if (heap.site(n).objects != 0) {
            EXPECT_EQ(found.objects, 0U) << "one place";
            found = heap.site(n);
        }
    }
    EXPECT_EQ(found.objects, 1U);
    EXPECT_EQ(found.bytes, 40U);
    EXPECT_TRUE(is_in(found.at, &allocate_here));
    free_here(heap, kept, 40);
}

}  // namespace
}  // namespace kidney::mm
