/// Request sequences for frame allocators. Same seed, same sequence; deciding what to ask for costs
/// one array read, so what is timed is the allocator.
///
/// A workload is a Customer with `prepare(allocator)`, untimed, and `round(allocator)`, which makes
/// `operations` timed calls.
#pragma once

#include "kidney/core/address.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace kidney::bench {

inline constexpr std::uint32_t frame_count = 1U << 20;  ///< 4 GiB
inline constexpr FrameOrder single{0};

/// Takes and gives back on behalf of a workload. A policy may refuse (law F4): then there is
/// nothing to give back, and the figure is one of a run with so many refusals.
class Customer {
public:
    static constexpr FrameNumber nothing{~std::uint32_t{0}};

    template <class A>
    [[nodiscard]] FrameNumber take(A& a, FrameOrder order) noexcept {
        if (const auto got = a.allocate(order)) {
            // The compiler must not see through a pair of calls: a caller does something between.
            std::atomic_signal_fence(std::memory_order_seq_cst);
            return *got;
        }
        ++refused_;
        return nothing;
    }
    template <class A>
    static void give_back(A& a, FrameNumber frame, FrameOrder order) noexcept {
        if (frame != nothing) {
            a.free(frame, order);
        }
    }
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

private:
    std::uint64_t refused_ = 0;
};

/// Allocate one frame and free it.
struct Pair : Customer {
    static constexpr const char* name = "frames.pair";
    static constexpr std::size_t operations = 2;
    template <class A>
    void prepare(A&) {}
    template <class A>
    void round(A& a) {
        give_back(a, take(a, single), single);
    }
};

/// Allocate 64 frames, free them in the same order.
struct Burst64 : Customer {
    static constexpr const char* name = "frames.burst64";
    static constexpr std::size_t operations = 128;
    template <class A>
    void prepare(A&) {}
    template <class A>
    void round(A& a) {
        for (FrameNumber& frame : frames) {
            frame = take(a, single);
        }
        for (const FrameNumber frame : frames) {
            give_back(a, frame, single);
        }
    }
    std::array<FrameNumber, 64> frames{};
};

/// Frames that are taken one after another and given back in random order.
struct Shuffled : Customer {
    void resize(std::uint32_t count, std::uint32_t seed) {
        order.resize(count);
        frames.resize(count);
        laws::Random random(seed);
        for (std::uint32_t i = 0; i < count; ++i) {
            order[i] = i;
            std::swap(order[i], order[random.below(i + 1)]);
        }
    }
    template <class A>
    void take_all(A& a) noexcept {
        for (FrameNumber& frame : frames) {
            frame = take(a, single);
        }
    }
    template <class A>
    void give_back_all(A& a) noexcept {
        for (std::size_t n = 0; n < order.size(); ++n) {
            // What is measured is the free, and not how its caller finds the frame.
            if (n + 16 < order.size()) {
                __builtin_prefetch(&frames[order[n + 16]]);
            }
            give_back(a, frames[order[n]], single);
        }
    }
    std::vector<std::uint32_t> order;
    std::vector<FrameNumber> frames;
};

/// Allocate all frames (what is timed), or free them in random order (what is timed).
template <bool Freeing>
struct Bulk : Shuffled {
    static constexpr const char* name = Freeing ? "frames.free_random" : "frames.bulk";
    static constexpr std::size_t operations = frame_count;
    template <class A>
    void prepare(A& a) {
        resize(frame_count, 1);
        if constexpr (Freeing) {
            take_all(a);
        }
    }
    template <class A>
    void round(A& a) {
        if constexpr (Freeing) {
            give_back_all(a);
        } else {
            take_all(a);
        }
    }
    /// The other half, not timed.
    template <class A>
    void rewind(A& a) {
        if constexpr (Freeing) {
            take_all(a);
        } else {
            give_back_all(a);
        }
    }
};

/// At a steady occupancy: free a random live frame, allocate another.
template <unsigned Percent>
struct Mix : Customer {
    static constexpr const char* name = Percent == 50 ? "frames.mix50" : "frames.mix90";
    static constexpr std::size_t operations = 2 * 1024;
    template <class A>
    void prepare(A& a) {
        live.resize(std::uint64_t{frame_count} * Percent / 100);
        for (FrameNumber& frame : live) {
            frame = take(a, single);
        }
        laws::Random random(2);
        victims.resize(1U << 16);
        for (std::uint32_t& victim : victims) {
            victim = random.below(static_cast<std::uint32_t>(live.size()));
        }
        // Random holes everywhere, as after a long run.
        for (std::size_t i = live.size(); i > 0; --i) {
            std::swap(live[i - 1], live[random.below(static_cast<std::uint32_t>(i))]);
        }
        for (int turn = 0; turn < 1024; ++turn) {
            round(a);
        }
    }
    template <class A>
    void round(A& a) {
        for (std::size_t i = 0; i < operations / 2; ++i) {
            // Finding the victim is not what is measured: its miss is hidden.
            __builtin_prefetch(&live[victims[(next + 8) % victims.size()]]);
            FrameNumber& victim = live[victims[next++ % victims.size()]];
            give_back(a, victim, single);
            victim = take(a, single);
        }
    }
    std::vector<FrameNumber> live;
    std::vector<std::uint32_t> victims;
    std::size_t next = 0;
};

/// Mixed orders 0..9 at about 60 % occupancy, geometric or uniform: free a random live block,
/// allocate one of a random order. Asking for the order that was just freed would flatter those who
/// remember it.
template <bool Uniform>
struct Orders : Customer {
    static constexpr const char* name = Uniform ? "frames.orders_uniform" : "frames.orders_geo";
    static constexpr std::size_t operations = 2 * 1024;
    struct Block {
        FrameNumber first;
        FrameOrder order;
    };
    template <class A>
    void prepare(A& a) {
        laws::Random random(3);
        orders.resize(1U << 16);
        for (FrameOrder& order : orders) {
            unsigned k = 0;
            if constexpr (Uniform) {
                k = random.below(10);
            } else {
                while (k < 9 && (random.next() & 1) != 0) {
                    ++k;
                }
            }
            order = FrameOrder(static_cast<std::uint8_t>(k));
        }
        std::uint64_t frames = 0;
        for (std::size_t i = 0; frames < std::uint64_t{frame_count} * 6 / 10; ++i) {
            const FrameOrder order = orders[i % orders.size()];
            live.push_back({take(a, order), order});
            frames += order.frames();
        }
        victims.resize(1U << 16);
        for (std::uint32_t& victim : victims) {
            victim = random.below(static_cast<std::uint32_t>(live.size()));
        }
    }
    template <class A>
    void round(A& a) {
        for (std::size_t i = 0; i < operations / 2; ++i) {
            __builtin_prefetch(&live[victims[(next + 8) % victims.size()]]);
            Block& block = live[victims[next % victims.size()]];
            give_back(a, block.first, block.order);
            // Victims and newcomers are of one distribution, so the occupancy stays. The period is
            // another one than the victims'.
            block.order = orders[next_order++ % (orders.size() - 1)];
            block.first = take(a, block.order);
            ++next;
        }
    }
    std::vector<FrameOrder> orders;
    std::vector<Block> live;
    std::vector<std::uint32_t> victims;
    std::size_t next = 0;
    std::size_t next_order = 0;
};

}  // namespace kidney::bench
