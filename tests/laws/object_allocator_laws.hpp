/// The laws of `mm::ObjectAllocator`, O1 to O6. Freestanding.
///
/// The subject is a running heap that may be in use by others: laws look at differences only. It
/// has a few megabytes to give, so a modest request that is refused is a broken law. Which mistakes
/// these laws find is shown by tests/unit/mm/heap/heap_mutants_test.cpp.
#pragma once

#include "kidney/mm/object_allocator.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kidney::laws {

/// Allocates and frees at random and stamps every object, so that an overlap destroys a stamp.
template <mm::ObjectAllocator A>
class ObjectDrill {
public:
    static constexpr std::size_t max_live = 128;

    explicit ObjectDrill(A& heap) noexcept : heap_(heap), before_(heap.used_bytes()) {}

    bool allocate(std::size_t bytes) noexcept {
        const std::size_t used = heap_.used_bytes();
        const Result<void*> object = heap_.allocate(bytes);
        if (!object.has_value()) {
            fails_cleanly =
                fails_cleanly && object.error() == Errc::no_memory && heap_.used_bytes() == used;
            serves = serves && bytes > modest;
            return false;
        }
        const std::size_t alignment = std::min<std::size_t>(16, std::bit_floor(bytes));
        aligned = aligned && reinterpret_cast<std::uintptr_t>(*object) % alignment == 0;
        counted = counted && heap_.used_bytes() >= used + bytes;
        const auto stamp = static_cast<unsigned char>(next_stamp_++);
        std::memset(*object, stamp, bytes);
        live_[count_++] = {static_cast<unsigned char*>(*object), bytes, stamp};
        return true;
    }
    void free_at(std::size_t index) noexcept {
        const Object object = live_[index];
        live_[index] = live_[--count_];
        disjoint = disjoint && std::all_of(object.bytes, object.bytes + object.size,
                                           [&](unsigned char b) { return b == object.stamp; });
        const std::size_t used = heap_.used_bytes();
        heap_.free(object.bytes, object.size);
        counted = counted && heap_.used_bytes() < used;
    }
    void churn(Random& random, unsigned steps) noexcept {
        for (unsigned i = 0; i < steps; ++i) {
            if (count_ < max_live && (count_ == 0 || random.below(5) < 3)) {
                allocate(some_size(random));
            } else {
                free_at(random.below(static_cast<std::uint32_t>(count_)));
            }
        }
    }
    void free_all() noexcept {
        while (count_ != 0) {
            free_at(count_ - 1);
        }
    }
    /// Where classes, lists and pages of a heap begin and end, or anything below.
    [[nodiscard]] static std::size_t some_size(Random& random) noexcept {
        switch (random.below(4)) {
            case 0: {
                const std::uint32_t power = std::uint32_t{2} << random.below(13);
                return power - 1 + random.below(3);
            }
            case 1:
                return 16 * (1 + random.below(40)) + random.below(2);
            case 2:
                return 1 + random.below(20000);
            default:
                return 1 + random.below(600);
        }
    }
    [[nodiscard]] bool balanced() const noexcept { return heap_.used_bytes() == before_; }

    bool aligned = true;
    bool disjoint = true;
    bool counted = true;
    bool fails_cleanly = true;
    bool serves = true;

private:
    /// Bytes that any heap with a few megabytes has to have in one piece.
    static constexpr std::size_t modest = 20001;

    struct Object {
        unsigned char* bytes;
        std::size_t size;
        unsigned char stamp;
    };
    A& heap_;
    std::size_t before_;
    std::array<Object, max_live> live_{};
    std::size_t count_ = 0;
    unsigned next_stamp_ = 1;
};

namespace object_allocator {

template <mm::ObjectAllocator A>
struct O1 {
    static constexpr const char* text = "O1 n usable bytes, aligned";
    static void check(Report& report, A& heap, std::uint32_t seed) noexcept {
        ObjectDrill<A> drill(heap);
        Random random(seed);
        for (std::size_t bytes = 1; bytes <= 5000; bytes += 1 + bytes / 16) {
            LAW_CHECK(report, drill.allocate(bytes));
            drill.free_at(0);
        }
        drill.churn(random, 2000);
        drill.free_all();
        LAW_CHECK(report, drill.aligned);
        LAW_CHECK(report, drill.serves);
    }
};

template <mm::ObjectAllocator A>
struct O2 {
    static constexpr const char* text = "O2 live objects are disjoint";
    static void check(Report& report, A& heap, std::uint32_t seed) noexcept {
        ObjectDrill<A> drill(heap);
        Random random(seed);
        drill.churn(random, 4000);
        drill.free_all();
        LAW_CHECK(report, drill.disjoint);
    }
};

template <mm::ObjectAllocator A>
struct O3 {
    static constexpr const char* text = "O3 allocate() fails only with no_memory, changing nothing";
    static void check(Report& report, A& heap, std::uint32_t seed) noexcept {
        ObjectDrill<A> drill(heap);
        Random random(seed);
        drill.churn(random, 200);
        LAW_CHECK(report, !drill.allocate(std::size_t{1} << 30));
        LAW_CHECK(report, drill.fails_cleanly);
        drill.churn(random, 200);
        drill.free_all();
        LAW_CHECK(report, drill.disjoint);
    }
};

template <mm::ObjectAllocator A>
struct O4 {
    static constexpr const char* text = "O4 after sized frees used_bytes() is where it was";
    static void check(Report& report, A& heap, std::uint32_t seed) noexcept {
        ObjectDrill<A> drill(heap);
        Random random(seed);
        drill.churn(random, 2000);
        drill.free_all();
        LAW_CHECK(report, drill.counted);
        LAW_CHECK(report, drill.balanced());
    }
};

template <mm::ObjectAllocator A>
struct O5 {
    static constexpr const char* text = "O5 what was freed can be had again";
    static void check(Report& report, A& heap, std::uint32_t seed) noexcept {
        ObjectDrill<A> drill(heap);
        // Of each size two megabytes; a heap that loses one of them runs out, if it has no more.
        constexpr std::array<std::uint32_t, 14> sizes{16,  40,   64,   100,  128,  320,   500,
                                                      896, 1024, 1500, 2048, 4096, 10000, 20000};
        for (const std::uint32_t size : sizes) {
            const std::size_t bytes = size + seed % 3 - 1;
            const std::size_t at_once =
                std::min<std::size_t>(ObjectDrill<A>::max_live, 65536 / bytes);
            for (std::size_t volume = 0; volume < std::size_t{2} << 20 && drill.serves;
                 volume += at_once * bytes) {
                for (std::size_t i = 0; i < at_once && drill.serves; ++i) {
                    drill.allocate(bytes);
                }
                drill.free_all();
            }
        }
        LAW_CHECK(report, drill.serves);
        LAW_CHECK(report, drill.disjoint);
    }
};

template <mm::ObjectAllocator A>
struct O6 {
    static constexpr const char* text = "O6 reclaim() touches no live object";
    static void check(Report& report, A& heap, std::uint32_t seed) noexcept {
        ObjectDrill<A> drill(heap);
        Random random(seed);
        for (int n = 0; n < 8; ++n) {
            drill.churn(random, 200);
            const std::size_t used = heap.used_bytes();
            if constexpr (mm::ReclaimableHeap<A>) {
                static_cast<void>(heap.reclaim());
            }
            LAW_CHECK(report, heap.used_bytes() == used);
        }
        drill.free_all();
        LAW_CHECK(report, drill.disjoint);
        LAW_CHECK(report, drill.serves);
    }
};

}  // namespace object_allocator

/// Arguments: the heap, a seed. Nobody else may use the heap meanwhile.
template <mm::ObjectAllocator A>
using ObjectAllocatorLaws =
    TypeList<object_allocator::O1<A>, object_allocator::O2<A>, object_allocator::O3<A>,
             object_allocator::O4<A>, object_allocator::O5<A>, object_allocator::O6<A>>;

}  // namespace kidney::laws
