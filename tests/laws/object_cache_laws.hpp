/// The law of `mm::CachingHeap`, O7. Freestanding.
///
/// As for the other laws of heaps the subject may be in use by others, who have objects of the same
/// cache. `T` is a type that the heap has a cache for; no T is made, only memory for one.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/mm/make.hpp"
#include "tests/laws/report.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kidney::laws {

template <class A, class T>
    requires mm::IsCached<T, A>
struct O7 {
    static constexpr const char* text = "O7 objects of a cached type lie among their like";

    static void check(Report& report, A& heap, std::uint32_t seed) noexcept {
        const std::size_t before = heap.used_bytes();
        std::array<Pair, 100> pairs{};
        Random random(seed);
        for (unsigned step = 0; step < 1000; ++step) {
            Pair& pair = pairs[random.below(pairs.size())];
            if (pair.own == nullptr) {
                begin(report, heap, pair, static_cast<unsigned char>(step));
            } else {
                end(report, heap, pair);
            }
        }
        for (const Pair& pair : pairs) {
            for (const Pair& other : pairs) {
                LAW_CHECK(report, pair.own == nullptr || other.stranger == nullptr ||
                                      page_of(pair.own) != page_of(other.stranger));
            }
        }
        for (Pair& pair : pairs) {
            if (pair.own != nullptr) {
                end(report, heap, pair);
            }
        }
        LAW_CHECK(report, heap.used_bytes() == before);
    }

private:
    /// Memory for a T, and as much of the same heap for somebody else.
    struct Pair {
        void* own = nullptr;
        void* stranger = nullptr;
        unsigned char stamp = 0;
    };
    [[nodiscard]] static std::uintptr_t page_of(const void* object) noexcept {
        return reinterpret_cast<std::uintptr_t>(object) / page_size;
    }
    static void begin(Report& report, A& heap, Pair& pair, unsigned char stamp) noexcept {
        const Result<void*> own = mm::allocate_for<T>(heap);
        const Result<void*> stranger = heap.allocate(sizeof(T));
        LAW_CHECK(report, own.has_value() && stranger.has_value());
        if (!own || !stranger) {
            return;
        }
        pair = {*own, *stranger, stamp};
        LAW_CHECK(report, reinterpret_cast<std::uintptr_t>(pair.own) % alignof(T) == 0);
        std::memset(pair.own, stamp, sizeof(T));
        std::memset(pair.stranger, ~stamp, sizeof(T));
    }
    static void end(Report& report, A& heap, Pair& pair) noexcept {
        const auto* const bytes = static_cast<const unsigned char*>(pair.own);
        LAW_CHECK(report, bytes[0] == pair.stamp && bytes[sizeof(T) - 1] == pair.stamp);
        heap.free(pair.stranger, sizeof(T));
        mm::free_for<T>(heap, pair.own);
        pair = {};
    }
};

}  // namespace kidney::laws
