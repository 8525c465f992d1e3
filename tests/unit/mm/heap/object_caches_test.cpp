/// Objects of one type in slabs of their own: by name, in exact sizes, under every wrapper.
#include "kidney/mm/make.hpp"
#include "mm/heap/debug_heap.hpp"
#include "mm/heap/slab_heap.hpp"
#include "mm/heap/tlsf.hpp"
#include "mm/reclaiming_heap.hpp"
#include "tests/fakes/fake_heap.hpp"
#include "tests/laws/object_cache_laws.hpp"
#include "tests/support/heap_environment.hpp"
#include "tests/support/law_test.hpp"
#include "tests/support/memory_machine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace kidney::mm {
namespace {

struct Card {
    static constexpr const char* cache_name = "card";
    std::array<char, 104> text{};  // 112, where a size class would have 128 at 120
    std::uint32_t number = 0;
};
struct Box5 {
    static constexpr const char* cache_name = "box";
    std::array<char, 1300> text{};
};
struct Stranger {
    static constexpr const char* cache_name = "not in the list";
    std::array<char, 104> text{};
};
struct Nameless {
    std::array<char, 104> text{};
};

struct Environment : test::TestHeapEnvironment<test::MemoryMachine::Frames> {
    static constexpr std::array object_caches{"box", "card"};
};
using Slabs = SlabHeap<Environment>;

struct LastMisuse {
    static inline std::string_view what;
    static void misuse(const HeapMisuse& misuse) noexcept { what = misuse.what; }
};
using DebugSlabs = DebugHeap<Slabs, LastMisuse, test::StdCpu, hal::NoPin>;

static_assert(CachingHeap<Slabs> && CachingHeap<DebugSlabs>);
static_assert(!CachingHeap<fakes::FakeHeap> && !CachingHeap<Tlsf::Heap<Environment>>);
static_assert(IsCached<Card, Slabs> && IsCached<Card, DebugSlabs>);
static_assert(!IsCached<Stranger, Slabs> && !IsCached<Nameless, Slabs>);
static_assert(!IsCached<Card, fakes::FakeHeap>);
static_assert(!IsCached<Card, SlabHeap<test::TestHeapEnvironment<test::MemoryMachine::Frames>>>);

template <class Heap>
HeapClassUse use_of(const Heap& heap, std::string_view name) {
    for (const HeapClassUse& use : heap.report()) {
        if (use.name != nullptr && name == use.name) {
            return use;
        }
    }
    return {};
}

template <class Heap>
struct ObjectCaches : testing::Test {
    test::MemoryMachine machine{2048};
    Heap heap{machine.frames, machine.ram};
};
using Heaps = testing::Types<Slabs, DebugSlabs>;
TYPED_TEST_SUITE(ObjectCaches, Heaps);

TYPED_TEST(ObjectCaches, KeepTheLaw) {
    using Law = laws::O7<TypeParam, Card>;
    test::LawReport report;
    report.begin(Law::text);
    Law::check(report, this->heap, 1U);
    test::expect_laws_held(report);
}

TYPED_TEST(ObjectCaches, TellWhatTheyHaveAndGiveItBack) {
    std::vector<Card*> cards;
    for (int n = 0; n < 500; ++n) {
        cards.push_back(*make<Card>(this->heap));
    }
    const HeapClassUse use = use_of(this->heap, "card");
    EXPECT_GE(use.active, cards.size());
    EXPECT_GE(use.objects, use.active);
    EXPECT_EQ(use_of(this->heap, "box").slabs, 0U) << "nobody has asked for one";
    for (Card* const card : cards) {
        destroy(this->heap, card);
    }
    EXPECT_EQ(this->heap.used_bytes(), 0U);
    EXPECT_NE(this->heap.reclaim(), 0U);
    EXPECT_EQ(use_of(this->heap, "card").slabs, 0U);
    EXPECT_GE(this->machine.frames.free_frames() + 4, this->machine.total);
}

TYPED_TEST(ObjectCaches, RunOutCleanlyAndServeAgain) {
    std::vector<Box5*> boxes;
    for (Result<Box5*> box = make<Box5>(this->heap); box; box = make<Box5>(this->heap)) {
        boxes.push_back(*box);
    }
    EXPECT_GT(boxes.size() * sizeof(Box5), 2048U * page_size * 8 / 10);
    EXPECT_EQ(make<Box5>(this->heap).error(), Errc::no_memory);
    for (Box5* const box : boxes) {
        destroy(this->heap, box);
    }
    EXPECT_EQ(this->heap.used_bytes(), 0U);
    destroy(this->heap, *make<Card>(this->heap));  // O5: for other sizes as well
}

TEST(ObjectCaches, HaveExactSizes) {
    test::MemoryMachine machine(2048);
    Slabs heap(machine.frames, machine.ram);
    destroy(heap, *make<Box5>(heap));
    EXPECT_EQ(use_of(heap, "box").object_bytes, 1312U) << "a size class has 1536";
    EXPECT_EQ(use_of(heap, "box").objects, use_of(heap, "box").pages * page_size / 1312);
}

TEST(ObjectCaches, AnObjectOfAnotherSizeIsNoneOfTheirs) {
    test::MemoryMachine machine(2048);
    Slabs heap(machine.frames, machine.ram);
    const ObjectCache cache = cache_of<Card, Slabs>;
    EXPECT_TRUE(heap.allocate_cached(cache, sizeof(Card)));
    EXPECT_DEATH(
        {
            for (int n = 0; n < 100; ++n) {
                static_cast<void>(heap.allocate_cached(cache, 2 * sizeof(Card)));
            }
        },
        "a cache's objects are all of one size");
}

TEST(ObjectCaches, TheDebugHeapKnowsWhoseAnObjectIs) {
    test::MemoryMachine machine(2048);
    DebugSlabs heap(machine.frames, machine.ram);
    void* const card = *allocate_for<Card>(heap);
    heap.free(card, sizeof(Card));
    EXPECT_EQ(LastMisuse::what, "freed as an object of another type");
    free_for<Card>(heap, card);
    free_for<Card>(heap, card);
    EXPECT_EQ(LastMisuse::what, "freed twice");
    void* const second = *allocate_for<Card>(heap);
    static_cast<char*>(second)[sizeof(Card)] = 1;
    free_for<Card>(heap, second);
    EXPECT_EQ(LastMisuse::what, "written past its end");
}

/// A machine's caches that can give back what a heap wants.
struct Reserve {
    Slabs* heap = nullptr;
    std::vector<void*>* held = nullptr;
    std::size_t reclaim(std::size_t) noexcept {
        if (held->empty()) {
            return 0;
        }
        for (int n = 0; n < 64 && !held->empty(); ++n) {
            heap->free(held->back(), 4096);
            held->pop_back();
        }
        return 64;
    }
};
struct Sleeps {
    static bool may_sleep() noexcept { return true; }
};

TEST(ObjectCaches, AReclaimingHeapAsksForThemAsWell) {
    test::MemoryMachine machine(256);
    std::vector<void*> held;
    ReclaimingHeap<Slabs, Reserve, Sleeps> heap(machine.frames, machine.ram);
    static_assert(IsCached<Box5, decltype(heap)>);
    Reserve reserve{&heap, &held};
    while (const Result<void*> page = heap.allocate(4096)) {
        held.push_back(*page);
    }
    EXPECT_FALSE(make<Box5>(heap));
    heap.set_reclaimer(reserve);
    EXPECT_TRUE(make<Box5>(heap));
    EXPECT_FALSE(held.empty()) << "no more than needed";
}

}  // namespace
}  // namespace kidney::mm
