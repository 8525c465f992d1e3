/// Every heap policy of the build, and the fake, must pass every law; and what only debug heaps
/// catch.
#include "kidney/mm/make.hpp"
#include "mm/frame_service.hpp"
#include "mm/frames/buddy_bitmap.hpp"
#include "policies/heap.hpp"
#include "sim/ram_arena.hpp"
#include "tests/fakes/fake_heap.hpp"
#include "tests/laws/object_allocator_laws.hpp"
#include "tests/support/heap_environment.hpp"
#include "tests/support/law_test.hpp"
#include "tests/support/memory_machine.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace kidney {
namespace {

using test::MemoryMachine;

template <class Policy>
using HeapOf = typename Policy::template Heap<test::TestHeapEnvironment<MemoryMachine::Frames>>;

template <class Policy>
class HeapConformance : public testing::Test {
protected:
    MemoryMachine machine_{8192};
    HeapOf<Policy> heap_{machine_.frames, machine_.ram};
};

TYPED_TEST_SUITE(HeapConformance, test::AsTestTypes<policies::heap::All>);

TYPED_TEST(HeapConformance, Laws) {
    static_assert(mm::ObjectAllocator<HeapOf<TypeParam>>);
    for (std::uint32_t seed = 1; seed <= 5; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        test::LawReport report;
        laws::run_laws<laws::ObjectAllocatorLaws<HeapOf<TypeParam>>>(report, this->heap_, seed);
        test::expect_laws_held(report);
    }
}

TYPED_TEST(HeapConformance, RunsOutCleanly) {
    std::vector<void*> objects;
    while (auto object = this->heap_.allocate(1000)) {
        objects.push_back(*object);
    }
    EXPECT_GT(objects.size() * 1000, 8192U * page_size * 8 / 10) << "more than 20 % overhead";
    EXPECT_EQ(this->heap_.allocate(1000).error(), Errc::no_memory);
    for (void* object : objects) {
        this->heap_.free(object, 1000);
    }
    EXPECT_EQ(this->heap_.used_bytes(), 0U);
    static_cast<void>(this->heap_.reclaim());
    EXPECT_GE(this->machine_.frames.free_frames() + 20, this->machine_.total)
        << "empty slabs go back";
}

TEST(FakeHeap, PassesTheLaws) {
    fakes::FakeHeap heap;
    test::LawReport report;
    laws::run_laws<laws::ObjectAllocatorLaws<fakes::FakeHeap>>(report, heap, 1U);
    test::expect_laws_held(report);
}

class Counted final : public mm::HeapObject<Counted, fakes::FakeHeap> {
public:
    explicit Counted(int& alive) noexcept : alive_(alive) { ++alive_; }
    ~Counted() { --alive_; }

private:
    int& alive_;
};

TEST(Make, ObjectsEndWithTheirLastOwner) {
    fakes::FakeHeap heap;
    int alive = 0;
    {
        Ref<Counted> first = *mm::make_ref<Counted>(heap, alive);
        const Ref<Counted> second = first;
        first.reset();
        EXPECT_EQ(alive, 1);
        const auto box = *mm::make_box<Counted>(heap, alive);
        EXPECT_EQ(alive, 2);
    }
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(heap.live_objects(), 0U);
    heap.fail_at(1);
    EXPECT_EQ(mm::make_ref<Counted>(heap, alive).error(), Errc::no_memory);
}

}  // namespace
}  // namespace kidney
