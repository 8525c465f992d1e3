/// LLFree: two CPUs, every interleaving of their atomic operations up to a number of preemptions.
#include "mm/frames/llfree.hpp"
#include "sim/explorer.hpp"
#include "tests/support/expect_all_pass.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace kidney::mm {
namespace {

using sim::require;
using Frames = LlFreeAllocator<sim::ExploredCpu>;

/// Memory with a few free frames, for which two CPUs compete.
struct Contest {
    static constexpr std::size_t threads = 2;
    static constexpr FrameRange span{FrameNumber(0), 1024};

    explicit Contest(FrameRange free) : metadata(Frames::metadata_bytes(span)), total(free.count) {
        frames.attach(span, metadata);
        frames.add_region(free);
    }
    void take(std::size_t thread, unsigned order) {
        const FrameOrder k(static_cast<std::uint8_t>(order));
        if (const Result<FrameNumber> got = frames.allocate(k)) {
            mine[thread] = {*got, k};
        }
    }
    void give_back(std::size_t thread) {
        if (const auto block = std::exchange(mine[thread], std::nullopt)) {
            frames.free(block->first, block->order);
        }
    }
    void check() {
        std::size_t out = 0;
        for (const auto& block : mine) {
            out += block ? block->order.frames() : 0;
        }
        if (mine[0] && mine[1]) {
            const auto [a, b] = std::pair(*mine[0], *mine[1]);
            require(a.first + a.order.frames() <= b.first || b.first + b.order.frames() <= a.first,
                    "two CPUs have the same frame");
        }
        require(frames.free_frames() + out == total, "a frame was lost or invented");
        std::size_t left = 0;
        while (frames.allocate(FrameOrder(0))) {
            ++left;
        }
        require(left + out == total, "a free frame is not found");
    }

    struct Block {
        FrameNumber first;
        FrameOrder order;
    };
    std::vector<std::byte> metadata;
    std::size_t total;
    Frames frames;
    std::optional<Block> mine[threads];
};

struct LastFrame : Contest {
    LastFrame() : Contest({FrameNumber(40), 1}) {}
    void run(std::size_t thread) { take(thread, 0); }
    void check() {
        require(mine[0].has_value() != mine[1].has_value(), "one of them gets the last frame");
        Contest::check();
    }
};
/// One takes half of what the other one would like to have whole.
struct HalfAndWhole : Contest {
    HalfAndWhole() : Contest({FrameNumber(64), 8}) {}
    void run(std::size_t thread) { take(thread, thread == 0 ? 3 : 2); }
    void check() {
        require(mine[0] || mine[1], "one of them gets something");
        Contest::check();
    }
};
struct TakeAndGiveBack : Contest {
    TakeAndGiveBack() : Contest({FrameNumber(30), 4}) {}
    void run(std::size_t thread) {
        take(thread, thread == 0 ? 0 : 1);
        give_back(thread);
        take(thread, 0);
    }
};
/// A frame of a region that the other CPU takes as a whole, or does not get.
struct PairOfRegions : Contest {
    PairOfRegions() : Contest(span) {}
    void run(std::size_t thread) {
        take(thread, thread == 0 ? 10 : 0);
        give_back(thread);
    }
};

TEST(LlFreeExploration, TheLastFrameGoesToOne) {
    test::expect_all_pass<LastFrame>(2);
}
TEST(LlFreeExploration, AHalfAndTheWhole) {
    test::expect_all_pass<HalfAndWhole>(2);
}
TEST(LlFreeExploration, WhatComesBackIsFound) {
    test::expect_all_pass<TakeAndGiveBack>(2);
}
TEST(LlFreeExploration, AFrameAndAPairOfRegions) {
    test::expect_all_pass<PairOfRegions>(2);
}

}  // namespace
}  // namespace kidney::mm
