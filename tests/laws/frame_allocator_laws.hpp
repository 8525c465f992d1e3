/// The laws of `mm::FrameAllocator`, F1 to F7. Freestanding.
///
/// Each law drives a fresh allocator over the same awkward memory map with seeded random calls, and
/// compares it with a shadow that has one byte per frame. F6 (a wrong free stops the system) needs
/// a process that may die: tests/unit/mm/frame_allocator_conformance.cpp.
#pragma once

#include "kidney/mm/frame_allocator.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::laws {

/// Regions with odd ends, a whole 4 MiB chunk that arrives in two pieces, islands, holes.
inline constexpr FrameRange frame_law_regions[] = {
    {FrameNumber(0x1003), 0x17f1 - 0x1003},
    {FrameNumber(0x1800), 512},
    {FrameNumber(0x1a00), 512},
    {FrameNumber(0x2105), 1},
    {FrameNumber(0x2110), 65},
};
inline constexpr FrameRange frame_law_span{FrameNumber(0x1003), 0x2151 - 0x1003};

/// Everything that the laws need to remember; too big for a kernel stack. `metadata` must have
/// frame_law_metadata_bytes<A>() bytes, aligned to 16.
struct FrameLawWorkspace {
    struct Block {
        FrameNumber first;
        FrameOrder order;
    };
    enum class Shadow : std::uint8_t { hole, free, live };

    std::span<std::byte> metadata;
    std::array<Shadow, frame_law_span.count> shadow{};
    std::array<Block, 512> live{};
    std::size_t live_count = 0;
};

inline constexpr std::size_t frame_law_canary_bytes = 16;

template <mm::FrameAllocator A>
[[nodiscard]] std::size_t frame_law_metadata_bytes() noexcept {
    return A::metadata_bytes(frame_law_span) + frame_law_canary_bytes;
}

/// An allocator under test beside its shadow. Every call checks everything that can be seen from
/// outside; a law looks at the verdict it is about.
template <mm::FrameAllocator A>
class FrameDrill {
public:
    using Shadow = FrameLawWorkspace::Shadow;

    explicit FrameDrill(FrameLawWorkspace& workspace) noexcept : w_(workspace) {
        w_.live_count = 0;
        w_.shadow.fill(Shadow::hole);
        std::fill(w_.metadata.begin(), w_.metadata.end(), std::byte{0xA5});
        allocator_.attach(frame_law_span, metadata());
        for (const FrameRange region : frame_law_regions) {
            allocator_.add_region(region);
            for (std::uint32_t i = 0; i < region.count; ++i) {
                w_.shadow[region.first - frame_law_span.first + i] = Shadow::free;
            }
            total_ += region.count;
        }
    }

    /// False if the allocator had nothing of this size.
    bool allocate(FrameOrder order) noexcept {
        const std::size_t before = allocator_.free_frames();
        const Result<FrameNumber> block = allocator_.allocate(order);
        if (!block.has_value()) {
            fails_cleanly = fails_cleanly && block.error() == Errc::no_memory &&
                            allocator_.free_frames() == before;
            return false;
        }
        counted = counted && allocator_.free_frames() + order.frames() == before;
        aligned = aligned && block->value() % order.frames() == 0;
        for (std::uint32_t i = 0; i < order.frames(); ++i) {
            const std::uint32_t at = *block + i - frame_law_span.first;
            if (at >= w_.shadow.size() || w_.shadow[at] == Shadow::hole) {
                inside = false;
                continue;
            }
            disjoint = disjoint && w_.shadow[at] == Shadow::free;
            w_.shadow[at] = Shadow::live;
        }
        if (w_.live_count == w_.live.size()) {
            release({*block, order});
        } else {
            w_.live[w_.live_count++] = {*block, order};
        }
        return true;
    }

    void free_any(Random& random) noexcept {
        if (w_.live_count != 0) {
            auto& victim = w_.live[random.below(static_cast<std::uint32_t>(w_.live_count))];
            const auto block = victim;
            victim = w_.live[--w_.live_count];
            release(block);
        }
    }
    void free_all(Random& random) noexcept {
        while (w_.live_count != 0) {
            free_any(random);
        }
    }
    /// Random calls of mixed orders, rather small ones, at varying occupancy.
    void churn(Random& random, unsigned steps) noexcept {
        for (unsigned i = 0; i < steps; ++i) {
            const bool growing = (i / 512) % 2 == 0;
            if (random.below(8) < (growing ? 5U : 3U)) {
                const std::uint32_t order =
                    random.below(4) == 0 ? random.below(11) : random.below(3);
                allocate(FrameOrder(static_cast<std::uint8_t>(order)));
            } else {
                free_any(random);
            }
        }
    }

    [[nodiscard]] std::size_t free_frames() const noexcept { return allocator_.free_frames(); }
    [[nodiscard]] std::size_t total_frames() const noexcept { return total_; }
    [[nodiscard]] std::size_t live_blocks() const noexcept { return w_.live_count; }
    [[nodiscard]] A& allocator() noexcept { return allocator_; }
    [[nodiscard]] bool canary_intact() const noexcept {
        const auto tail = w_.metadata.subspan(metadata().size());
        return std::all_of(tail.begin(), tail.end(),
                           [](std::byte b) { return b == std::byte{0xA5}; });
    }

    bool inside = true;         ///< every frame handed out had been added
    bool aligned = true;        ///< every block was aligned to its size
    bool disjoint = true;       ///< no frame was handed out twice
    bool counted = true;        ///< free_frames() moved by the block's size
    bool fails_cleanly = true;  ///< failures said no_memory and changed no count

private:
    [[nodiscard]] std::span<std::byte> metadata() const noexcept {
        return w_.metadata.first(A::metadata_bytes(frame_law_span));
    }
    void release(FrameLawWorkspace::Block block) noexcept {
        const std::size_t before = allocator_.free_frames();
        allocator_.free(block.first, block.order);
        counted = counted && allocator_.free_frames() == before + block.order.frames();
        for (std::uint32_t i = 0; i < block.order.frames(); ++i) {
            const std::uint32_t at = block.first + i - frame_law_span.first;
            if (at < w_.shadow.size() && w_.shadow[at] == Shadow::live) {
                w_.shadow[at] = Shadow::free;
            }
        }
    }

    FrameLawWorkspace& w_;
    A allocator_{};
    std::size_t total_ = 0;
};

namespace frame_allocator {

template <mm::FrameAllocator A>
struct F1 {
    static constexpr const char* text =
        "F1 a block lies inside an added region, aligned to its size";
    static void check(Report& report, FrameLawWorkspace& w, std::uint32_t seed) noexcept {
        FrameDrill<A> drill(w);
        Random random(seed);
        drill.churn(random, 4096);
        LAW_CHECK(report, drill.inside);
        LAW_CHECK(report, drill.aligned);
    }
};

template <mm::FrameAllocator A>
struct F2 {
    static constexpr const char* text = "F2 live blocks are disjoint";
    static void check(Report& report, FrameLawWorkspace& w, std::uint32_t seed) noexcept {
        FrameDrill<A> drill(w);
        Random random(seed);
        drill.churn(random, 4096);
        LAW_CHECK(report, drill.disjoint);
    }
};

template <mm::FrameAllocator A>
struct F3 {
    static constexpr const char* text = "F3 free_frames() moves by exactly 2^order";
    static void check(Report& report, FrameLawWorkspace& w, std::uint32_t seed) noexcept {
        FrameDrill<A> drill(w);
        Random random(seed);
        LAW_CHECK(report, drill.free_frames() == drill.total_frames());
        drill.churn(random, 2048);
        drill.free_all(random);
        LAW_CHECK(report, drill.counted);
        LAW_CHECK(report, drill.free_frames() == drill.total_frames());
    }
};

template <mm::FrameAllocator A>
struct F4 {
    static constexpr const char* text = "F4 allocate() fails only with no_memory, changing nothing";
    static void check(Report& report, FrameLawWorkspace& w, std::uint32_t seed) noexcept {
        FrameDrill<A> drill(w);
        Random random(seed);
        drill.churn(random, 2048);
        // Whatever the fragmentation: single frames are served until none is left.
        while (drill.free_frames() != 0) {
            if (drill.live_blocks() == w.live.size()) {
                w.live_count -= 1;  // stays allocated for good
            }
            if (!drill.allocate(FrameOrder(0))) {
                break;
            }
        }
        LAW_CHECK(report, drill.free_frames() == 0);
        for (std::uint8_t k = 0; k <= mm::max_order.value(); ++k) {
            LAW_CHECK(report, !drill.allocate(FrameOrder(k)));
        }
        LAW_CHECK(report, drill.fails_cleanly);
        // A failed call changed nothing: what comes back is served again.
        drill.free_any(random);
        LAW_CHECK(report, drill.allocate(FrameOrder(0)));
        LAW_CHECK(report, drill.disjoint);
    }
};

template <mm::FrameAllocator A>
struct F5 {
    static constexpr const char* text =
        "F5 when all is freed, the largest blocks are available again";
    static void check(Report& report, FrameLawWorkspace& w, std::uint32_t seed) noexcept {
        FrameDrill<A> drill(w);
        Random random(seed);
        for (std::uint8_t k = mm::max_order.value() + 1; k-- > 0;) {
            drill.churn(random, 512);
            drill.free_all(random);
            const FrameOrder order(k);
            const std::size_t expected = std::min(whole_blocks(order), w.live.size());
            std::size_t served = 0;
            while (served < expected && drill.allocate(order)) {
                ++served;
            }
            LAW_CHECK(report, served == expected);
            drill.free_all(random);
        }
    }
    /// Aligned blocks of this order that fit inside a region.
    [[nodiscard]] static std::size_t whole_blocks(FrameOrder order) noexcept {
        std::size_t blocks = 0;
        for (const FrameRange region : frame_law_regions) {
            const std::uint32_t size = order.frames();
            const std::uint32_t first = (region.first.value() + size - 1) / size;
            const std::uint32_t end = region.end().value() / size;
            blocks += end > first ? end - first : 0;
        }
        return blocks;
    }
};

template <mm::FrameAllocator A>
struct F7 {
    static constexpr const char* text = "F7 metadata grows with the span alone; holes stay holes";
    static void check(Report& report, FrameLawWorkspace& w, std::uint32_t seed) noexcept {
        std::size_t before = 0;
        for (std::uint32_t frames = 1024; frames <= 1U << 19; frames *= 2) {
            const std::size_t bytes = A::metadata_bytes({FrameNumber(0), frames});
            LAW_CHECK(report, bytes >= before);
            before = bytes;
        }
        FrameDrill<A> drill(w);
        Random random(seed);
        drill.churn(random, 1024);
        LAW_CHECK(report, drill.canary_intact());
        // A second life in the same memory starts empty.
        A& allocator = drill.allocator();
        allocator.attach(frame_law_span, w.metadata.first(A::metadata_bytes(frame_law_span)));
        LAW_CHECK(report, allocator.free_frames() == 0);
        LAW_CHECK(report, !allocator.allocate(FrameOrder(0)).has_value());
        allocator.add_region(frame_law_regions[3]);
        const Result<FrameNumber> only = allocator.allocate(FrameOrder(0));
        LAW_CHECK(report, only.has_value() && *only == frame_law_regions[3].first);
        LAW_CHECK(report, !allocator.allocate(FrameOrder(0)).has_value());
    }
};

}  // namespace frame_allocator

/// F6 is a death test. Arguments: FrameLawWorkspace&, seed.
template <mm::FrameAllocator A>
using FrameAllocatorLaws =
    TypeList<frame_allocator::F1<A>, frame_allocator::F2<A>, frame_allocator::F3<A>,
             frame_allocator::F4<A>, frame_allocator::F5<A>, frame_allocator::F7<A>>;

}  // namespace kidney::laws
