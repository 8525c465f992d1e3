/// Heaps with one mistake each: the laws must find every one, and nothing in the heap without.
#include "mm/heap/size_classes.hpp"
#include "tests/laws/object_allocator_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace kidney {
namespace {

enum class Mistake : std::uint8_t {
    none,
    aligns_to_eight,             ///< small classes lie 8 bytes off
    forgets_large_alignment,     ///< what is larger than a class is aligned to 8
    rounds_down,                 ///< one byte more than a class holds still goes into it
    frees_into_next_class,       ///< and from there it is handed out as a larger one
    lists_it_twice,              ///< a class's only free object is on the list twice
    links_behind_the_object,     ///< the link of a free object lies where the next one begins
    clears_too_much,             ///< zeroes a class's worth and the header of the next one
    drops_a_class,               ///< free objects of 320 bytes are never found again
    drops_large_ones,            ///< nor are those that had no class
    refuses_a_border,            ///< the largest object of the largest class
    refuses_with_another_error,  ///< invalid instead of no_memory
    counts_refusals,             ///< used_bytes() grows although nothing was allocated
    counts_granted_bytes,        ///< adds the class's size, takes the object's off
    forgets_to_count_large,      ///< in free() only
    loses_the_list_when_full,    ///< a refusal empties a free list
    reclaims_live_objects,       ///< reclaim() gives away the page with the newest object
    counts_reclaimed_as_freed,   ///< reclaim() changes used_bytes()
};

/// The heap that they are made from: lists of free objects over one and a half megabytes.
template <Mistake M>
class Mutant {
public:
    static constexpr const char* name = "mutant";
    static constexpr std::size_t max_object_bytes = 64 * 1024;

    [[nodiscard]] Result<void*> allocate(std::size_t bytes) noexcept {
        if (bytes > max_object_bytes ||
            (M == Mistake::refuses_a_border && bytes == classes::largest)) {
            return refuse(bytes);
        }
        if (bytes > classes::largest) {
            return allocate_large(bytes);
        }
        const std::size_t index =
            classes::index_of(M == Mistake::rounds_down && bytes > 1 ? bytes - 1 : bytes);
        const std::size_t granted = classes::bytes_of(index);
        std::byte* object = pop(lists_[index]);
        if (object == nullptr) {
            object = fresh(granted);
        }
        if (object == nullptr) {
            return refuse(bytes);
        }
        if (M == Mistake::clears_too_much) {
            std::memset(object, 0, granted + 8);
        }
        newest_ = object;
        used_ += M == Mistake::counts_granted_bytes ? granted : bytes;
        return M == Mistake::aligns_to_eight && bytes < 32 ? object + 8 : object;
    }

    void free(void* freed, std::size_t bytes) noexcept {
        auto* object = static_cast<std::byte*>(freed);
        if (M == Mistake::aligns_to_eight && bytes < 32) {
            object -= 8;
        }
        if (bytes > classes::largest) {
            used_ -= M == Mistake::forgets_to_count_large ? 0 : bytes;
            if (M != Mistake::drops_large_ones) {
                push(large_[large_index(bytes)], object, 0);
            }
            return;
        }
        used_ -= bytes;
        std::size_t index =
            classes::index_of(M == Mistake::rounds_down && bytes > 1 ? bytes - 1 : bytes);
        if (M == Mistake::drops_a_class && index == classes::index_of(320)) {
            return;
        }
        if (M == Mistake::frees_into_next_class && index + 1 < classes::count) {
            ++index;
        }
        const bool was_empty = lists_[index] == 0;
        const std::size_t offset =
            M == Mistake::links_behind_the_object ? classes::bytes_of(index) : 0;
        push(lists_[index], object, offset);
        if (M == Mistake::lists_it_twice && was_empty) {
            push(lists_[index], object, offset);
        }
    }

    [[nodiscard]] std::size_t used_bytes() const noexcept { return used_; }

    std::size_t reclaim() noexcept {
        if (M == Mistake::reclaims_live_objects && newest_ != nullptr) {
            std::memset(newest_, 0, 16);
        }
        if (M == Mistake::counts_reclaimed_as_freed) {
            used_ -= used_ != 0 ? 1 : 0;
        }
        return 0;
    }

private:
    struct classes {
        static constexpr std::size_t largest = mm::size_classes::largest;
        static constexpr std::size_t count = mm::size_classes::count;
        static std::size_t index_of(std::size_t bytes) { return mm::size_classes::index_of(bytes); }
        static std::size_t bytes_of(std::size_t index) { return mm::size_classes::bytes_of(index); }
    };
    /// Of what has no class: multiples of 2 KiB.
    static std::size_t large_index(std::size_t bytes) noexcept { return (bytes - 1) / 2048; }

    Result<void*> allocate_large(std::size_t bytes) noexcept {
        std::byte* object = pop(large_[large_index(bytes)]);
        if (object == nullptr) {
            object = fresh((large_index(bytes) + 1) * 2048);
        }
        if (object == nullptr) {
            return refuse(bytes);
        }
        newest_ = object;
        used_ += bytes;
        return object;
    }
    Result<void*> refuse(std::size_t bytes) noexcept {
        if (M == Mistake::counts_refusals) {
            used_ += bytes;
        }
        if (M == Mistake::loses_the_list_when_full) {
            lists_.fill(0);
            next_ = 0;  // and begins again where objects are live
        }
        return fail(M == Mistake::refuses_with_another_error ? Errc::invalid_argument
                                                             : Errc::no_memory);
    }
    std::byte* fresh(std::size_t bytes) noexcept {
        const std::size_t step =
            bytes + (M == Mistake::forgets_large_alignment && bytes > classes::largest ? 8 : 0);
        if (next_ + step > arena_.size() - max_object_bytes) {
            return nullptr;
        }
        std::byte* const object = arena_.data() + next_;
        next_ += step;
        return object;
    }
    /// The link lies `offset` bytes into the object; pop() looks at its start, as it should. Links
    /// are places in the arena, so that a destroyed one leads to damage there and not to a crash.
    void push(std::uint32_t& list, std::byte* object, std::size_t offset) noexcept {
        std::memcpy(object + offset, &list, sizeof(list));
        list = static_cast<std::uint32_t>(object - arena_.data()) + 1;
    }
    std::byte* pop(std::uint32_t& list) noexcept {
        if (list == 0 || list > arena_.size() - max_object_bytes) {
            list = 0;
            return nullptr;
        }
        std::byte* const object = arena_.data() + list - 1;
        std::memcpy(&list, object, sizeof(list));
        return object;
    }

    struct alignas(16) Granule {
        std::array<std::byte, 16> bytes;
    };
    std::vector<Granule> memory_{(std::size_t{3} << 19) / sizeof(Granule)};
    std::span<std::byte> arena_{reinterpret_cast<std::byte*>(memory_.data()),
                                memory_.size() * sizeof(Granule)};
    std::size_t next_ = 0;
    std::array<std::uint32_t, mm::size_classes::count> lists_{};
    std::array<std::uint32_t, max_object_bytes / 2048 + 1> large_{};
    std::byte* newest_ = nullptr;
    std::size_t used_ = 0;
};

/// The first law that `Mutant` breaks; empty: it keeps them all.
template <Mistake M>
std::string broken_law() {
    static_assert(mm::ReclaimableHeap<Mutant<M>>);
    std::string broken;
    laws::ObjectAllocatorLaws<Mutant<M>>::for_each([&]<class Law>() {
        for (std::uint32_t seed = 1; seed <= 3 && broken.empty(); ++seed) {
            Mutant<M> heap;  // each law looks at a heap that the others have not broken
            laws::Report report;
            report.begin(Law::text);
            Law::check(report, heap, seed);
            if (!report.passed()) {
                broken = Law::text;
            }
        }
    });
    return broken;
}

template <Mistake M>
struct Of {
    static constexpr Mistake mistake = M;
};
template <class T>
class HeapMutants : public testing::Test {};
using Mistakes =
    testing::Types<Of<Mistake::aligns_to_eight>, Of<Mistake::forgets_large_alignment>,
                   Of<Mistake::rounds_down>, Of<Mistake::frees_into_next_class>,
                   Of<Mistake::lists_it_twice>, Of<Mistake::links_behind_the_object>,
                   Of<Mistake::clears_too_much>, Of<Mistake::drops_a_class>,
                   Of<Mistake::drops_large_ones>, Of<Mistake::refuses_a_border>,
                   Of<Mistake::refuses_with_another_error>, Of<Mistake::counts_refusals>,
                   Of<Mistake::counts_granted_bytes>, Of<Mistake::forgets_to_count_large>,
                   Of<Mistake::loses_the_list_when_full>, Of<Mistake::reclaims_live_objects>,
                   Of<Mistake::counts_reclaimed_as_freed>>;
TYPED_TEST_SUITE(HeapMutants, Mistakes);

TYPED_TEST(HeapMutants, AreFound) {
    const std::string broken = broken_law<TypeParam::mistake>();
    EXPECT_NE(broken, "");
    this->RecordProperty("broken", broken);
}

TEST(HeapWithoutAMistake, KeepsAllLaws) {
    EXPECT_EQ(broken_law<Mistake::none>(), "");
}

}  // namespace
}  // namespace kidney
