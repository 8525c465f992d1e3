/// The engine of heaps with boundary tags: what its queue of freed blocks must not change.
#include "mm/heap/segregated_fit.hpp"
#include "mm/heap/tlsf.hpp"
#include "tests/support/heap_environment.hpp"
#include "tests/support/memory_machine.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace kidney::mm {
namespace {

using Environment = test::TestHeapEnvironment<test::MemoryMachine::Frames>;

template <class Policy>
class BlockHeapTest : public testing::Test {
protected:
    static constexpr std::size_t bytes = 1000;

    std::vector<void*> fill(std::size_t each = bytes) {
        std::vector<void*> objects;
        while (auto object = heap.allocate(each)) {
            objects.push_back(*object);
        }
        return objects;
    }
    test::MemoryMachine machine{64};
    typename Policy::template Heap<Environment> heap{machine.frames, machine.ram};
};
using Policies = testing::Types<SegregatedFit, Tlsf>;
TYPED_TEST_SUITE(BlockHeapTest, Policies);

TYPED_TEST(BlockHeapTest, ABlockThatWaitsServesWhoFindsNoOther) {
    const std::vector<void*> objects = this->fill();
    this->heap.free(objects[0], this->bytes);
    EXPECT_EQ(this->heap.allocate(this->bytes).value(), objects[0]);
}

TYPED_TEST(BlockHeapTest, ABlockThatWaitsGivesItsFramesToALargeObject) {
    constexpr std::size_t large = 20 * 1024;
    void* const object = this->heap.allocate(this->bytes).value();
    static_cast<void>(this->fill(large));
    this->heap.free(object, this->bytes);
    EXPECT_TRUE(this->heap.allocate(large).has_value());
}

TYPED_TEST(BlockHeapTest, ASecondFreeIsFoundOutAfterFewOthers) {
    const std::vector<void*> objects = this->fill();
    this->heap.free(objects[0], this->bytes);
    this->heap.free(objects[0], this->bytes);
    EXPECT_DEATH(
        {
            for (std::size_t i = 1; i <= 8; ++i) {
                this->heap.free(objects[i], this->bytes);
            }
        },
        "freed twice");
}

}  // namespace
}  // namespace kidney::mm
