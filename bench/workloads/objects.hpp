/// Request sequences for heaps. Same seed, same sequence; deciding what to ask for costs one array
/// read, so what is timed is the heap.
///
/// A workload has `prepare(heap)`, untimed, and `round(heap)`, which makes `operations` timed calls
/// of allocate() or free(). A heap here returns null when it has no more.
#pragma once

#include "tests/laws/report.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace kidney::bench {

/// What a new object's owner does first.
inline void use(void* object) noexcept {
    *static_cast<volatile char*>(object) = 1;
}

/// Allocate 64 bytes and free them.
struct ObjectPair {
    static constexpr const char* name = "heap.pair64";
    static constexpr std::size_t operations = 2;
    template <class H>
    void prepare(H&) {}
    template <class H>
    void round(H& heap) {
        void* const object = heap.allocate(64);
        use(object);
        heap.free(object, 64);
    }
};

/// Allocate 256 objects of 64 bytes, free them in the same order.
struct ObjectBurst {
    static constexpr const char* name = "heap.burst256";
    static constexpr std::size_t operations = 512;
    template <class H>
    void prepare(H&) {}
    template <class H>
    void round(H& heap) {
        for (void*& object : objects) {
            object = heap.allocate(64);
            use(object);
        }
        for (void* const object : objects) {
            heap.free(object, 64);
        }
    }
    std::array<void*, 256> objects{};
};

/// Sizes between two bounds, each as likely as any other.
struct Sizes {
    Sizes(std::size_t least, std::size_t most, std::size_t count) : bytes(count) {
        laws::Random random(7);
        for (std::uint16_t& size : bytes) {
            size = static_cast<std::uint16_t>(
                least + random.below(static_cast<std::uint32_t>(most - least + 1)));
        }
    }
    std::vector<std::uint16_t> bytes;
};

/// Allocates objects of 16 to 2048 bytes; frees them in random order. Two workloads: each times one
/// half of the job and does the other untimed, so `operations` counts one half.
template <bool TimeFrees>
struct ObjectBulk {
    static constexpr const char* name = TimeFrees ? "heap.free_random" : "heap.bulk";
    static constexpr std::size_t count = 256 * 1024;
    static constexpr std::size_t operations = count;

    ObjectBulk() : sizes(16, 2048, count), objects(count), order(count) {
        laws::Random random(1);
        for (std::uint32_t i = 0; i < count; ++i) {
            order[i] = i;
            std::swap(order[i], order[random.below(i + 1)]);
        }
    }
    template <class H>
    void fill(H& heap) {
        for (std::size_t i = 0; i < count; ++i) {
            objects[i] = heap.allocate(sizes.bytes[i]);
            use(objects[i]);
        }
    }
    template <class H>
    void empty(H& heap) {
        for (const std::uint32_t i : order) {
            heap.free(objects[i], sizes.bytes[i]);
        }
    }
    template <class H>
    void prepare(H& heap) {
        // Pages of the host that nobody has touched yet would be what is timed.
        fill(heap);
        empty(heap);
        if constexpr (TimeFrees) {
            fill(heap);
        }
    }
    template <class H>
    void round(H& heap) {
        TimeFrees ? empty(heap) : fill(heap);
    }
    template <class H>
    void restore(H& heap) {
        TimeFrees ? fill(heap) : empty(heap);
    }
    Sizes sizes;
    std::vector<void*> objects;
    std::vector<std::uint32_t> order;
};

/// At a steady population of objects of 16 to 2048 bytes: free a random one, allocate one of a
/// random size.
struct ObjectChurn {
    static constexpr const char* name = "heap.churn";
    static constexpr std::size_t count = 64 * 1024;
    static constexpr std::size_t operations = 2 * 1024;

    ObjectChurn() : sizes(16, 2048, count), objects(count), bytes(count), victims(count) {
        laws::Random random(2);
        for (std::uint32_t& victim : victims) {
            victim = random.below(count);
        }
    }
    template <class H>
    void prepare(H& heap) {
        for (std::size_t i = 0; i < count; ++i) {
            bytes[i] = sizes.bytes[i];
            objects[i] = heap.allocate(bytes[i]);
        }
        for (int turn = 0; turn < 256; ++turn) {
            round(heap);
        }
    }
    template <class H>
    void round(H& heap) {
        for (std::size_t i = 0; i < operations / 2; ++i, ++next) {
            const std::uint32_t victim = victims[next % count];
            heap.free(objects[victim], bytes[victim]);
            bytes[victim] = sizes.bytes[(next * 7) % count];
            objects[victim] = heap.allocate(bytes[victim]);
            use(objects[victim]);
        }
    }
    template <class H>
    void finish(H& heap) {
        for (std::size_t i = 0; i < count; ++i) {
            heap.free(objects[i], bytes[i]);
        }
    }
    Sizes sizes;
    std::vector<void*> objects;
    std::vector<std::uint16_t> bytes;
    std::vector<std::uint32_t> victims;
    std::size_t next = 0;
};

}  // namespace kidney::bench
