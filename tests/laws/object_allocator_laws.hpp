/// The laws of `mm::ObjectAllocator`, O1 to O4. Freestanding.
///
/// The subject is a running heap that may be in use by others: laws look at differences only.
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
                const std::uint32_t limit = random.below(16) == 0 ? 20000 : 600;
                allocate(1 + random.below(limit));
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
    [[nodiscard]] bool balanced() const noexcept { return heap_.used_bytes() == before_; }

    bool aligned = true;
    bool disjoint = true;
    bool counted = true;
    bool fails_cleanly = true;

private:
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

}  // namespace object_allocator

/// Arguments: the heap, a seed. Nobody else may use the heap meanwhile.
template <mm::ObjectAllocator A>
using ObjectAllocatorLaws = TypeList<object_allocator::O1<A>, object_allocator::O2<A>,
                                     object_allocator::O3<A>, object_allocator::O4<A>>;

}  // namespace kidney::laws
