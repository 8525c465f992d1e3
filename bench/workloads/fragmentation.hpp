/// How well a frame allocator keeps long runs of memory free: four protocols, all deterministic.
///
///   fbreathe50  single frames, between 40 and 60 % of memory, ten times
///   fbreathe85  the same between 75 and 95 %
///   fpaper      memory is filled with single frames, a random half is freed, then the rest is
///               replaced one by one, eight times over (LLFree, USENIX ATC 2023): can it heal?
///   fmix        blocks of orders 0 to 9, each half as frequent as the one before, to 60 %; then a
///               random quarter is freed and filled up again, 120 times
///
/// What is whole is counted in a map of the protocol's own, whatever the allocator thinks; then the
/// allocator is asked for it, because memory that it cannot find is of no use. Breathing cannot
/// leave more whole than what the peak never touched: 80 and 33 % of what is free.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace kidney::bench {

inline constexpr FrameOrder order_2_mib{9};
inline constexpr FrameOrder order_4_mib{10};

/// What is free at one moment, by order.
struct FreeShape {
    using ByOrder = std::array<std::uint32_t, mm::max_order.value() + 1>;

    std::uint32_t frames = 0;  ///< frames in all
    std::uint32_t free = 0;    ///< of these, free
    ByOrder whole{};           ///< frames in free blocks of this order at multiples of their size
    ByOrder granted{};  ///< frames that the allocator gave in blocks of this order; end of a run
    std::uint64_t refused = 0;  ///< requests of the protocol so far that were not served

    /// Percent of what is free.
    [[nodiscard]] double whole_share(FrameOrder order) const noexcept {
        return share(whole[order.value()]);
    }
    [[nodiscard]] double granted_share(FrameOrder order) const noexcept {
        return share(granted[order.value()]);
    }

private:
    [[nodiscard]] double share(std::uint32_t part) const noexcept {
        return free == 0 ? 0 : 100.0 * part / free;
    }
};

/// An allocator and what it has handed out. The span starts at a multiple of the largest block.
template <class A>
class Tenants {
public:
    struct Block {
        FrameNumber first;
        FrameOrder order;
    };

    Tenants(A& allocator, FrameRange span)
        : allocator_(allocator), span_(span), taken_(span.count) {
        live_.reserve(span.count);
    }

    /// False if the allocator refused.
    bool take(FrameOrder order) {
        const Result<FrameNumber> block = allocator_.allocate(order);
        if (!block.has_value()) {
            ++refused_;
            return false;
        }
        live_.push_back({*block, order});
        mark(live_.back(), true);
        return true;
    }
    void give_back_any(laws::Random& random) {
        Block& victim = live_[random.below(static_cast<std::uint32_t>(live_.size()))];
        std::swap(victim, live_.back());
        mark(live_.back(), false);
        allocator_.free(live_.back().first, live_.back().order);
        live_.pop_back();
    }
    /// Single frames up or down to a number of frames in use.
    void breathe_to(std::uint32_t frames, laws::Random& random) {
        while (in_use_ > frames) {
            give_back_any(random);
        }
        while (in_use_ < frames && take(FrameOrder(0))) {
        }
    }

    [[nodiscard]] std::uint32_t in_use() const noexcept { return in_use_; }
    [[nodiscard]] std::size_t blocks() const noexcept { return live_.size(); }
    [[nodiscard]] FrameRange span() const noexcept { return span_; }

    /// Looks at the map only. Cost: O(frames).
    [[nodiscard]] FreeShape shape() const {
        FreeShape shape{span_.count, span_.count - in_use_, {}, {}, refused_};
        std::vector<bool> is_free(span_.count);
        for (std::uint32_t i = 0; i < span_.count; ++i) {
            is_free[i] = !taken_[i];
        }
        for (unsigned k = 0; k < shape.whole.size(); ++k) {
            const auto blocks = static_cast<std::uint32_t>(is_free.size());
            shape.whole[k] =
                static_cast<std::uint32_t>(std::count(is_free.begin(), is_free.end(), true)) << k;
            for (std::uint32_t i = 0; i < blocks / 2; ++i) {
                is_free[i] = is_free[2 * i] && is_free[2 * i + 1];
            }
            is_free.resize(blocks / 2);
        }
        return shape;
    }
    /// The same, and what the allocator gives when asked for one order at a time.
    [[nodiscard]] FreeShape shape_and_grants() {
        FreeShape result = shape();
        std::vector<FrameNumber> got;
        for (unsigned k = 0; k < result.granted.size(); ++k) {
            const FrameOrder order(static_cast<std::uint8_t>(k));
            while (const Result<FrameNumber> block = allocator_.allocate(order)) {
                got.push_back(*block);
            }
            result.granted[k] = static_cast<std::uint32_t>(got.size()) << k;
            for (const FrameNumber first : got) {
                allocator_.free(first, order);
            }
            got.clear();
        }
        return result;
    }

private:
    void mark(Block block, bool is_taken) {
        const std::uint32_t at = block.first - span_.first;
        for (std::uint32_t i = 0; i < block.order.frames(); ++i) {
            taken_[at + i] = is_taken;
        }
        in_use_ += is_taken ? block.order.frames() : 0U - block.order.frames();
    }

    A& allocator_;
    FrameRange span_;
    std::vector<bool> taken_;
    std::vector<Block> live_;
    std::uint32_t in_use_ = 0;
    std::uint64_t refused_ = 0;
};

/// A protocol's run() calls `look(tenants)` at its turning points, for pictures over time.
template <unsigned Low, unsigned High>
struct Breathe {
    static constexpr const char* name = Low == 40 ? "fbreathe50" : "fbreathe85";
    template <class A, class Look>
    static void run(Tenants<A>& tenants, laws::Random& random, Look&& look) {
        const auto percent = [&](unsigned p) {
            return static_cast<std::uint32_t>(std::uint64_t{tenants.span().count} * p / 100);
        };
        for (int breath = 0; breath < 10; ++breath) {
            tenants.breathe_to(percent(High), random);
            look(tenants);
            tenants.breathe_to(percent(Low), random);
            look(tenants);
        }
        tenants.breathe_to(percent((Low + High) / 2), random);
    }
};

struct Paper {
    static constexpr const char* name = "fpaper";
    template <class A, class Look>
    static void run(Tenants<A>& tenants, laws::Random& random, Look&& look) {
        while (tenants.in_use() < tenants.span().count && tenants.take(FrameOrder(0))) {
        }
        look(tenants);
        tenants.breathe_to(tenants.span().count / 2, random);
        look(tenants);
        for (int turn = 0; turn < 8; ++turn) {
            for (std::size_t i = tenants.blocks(); i > 0; --i) {
                tenants.give_back_any(random);
                tenants.take(FrameOrder(0));
            }
            look(tenants);
        }
    }
};

struct MixedOrders {
    static constexpr const char* name = "fmix";
    template <class A, class Look>
    static void run(Tenants<A>& tenants, laws::Random& random, Look&& look) {
        const auto frames =
            static_cast<std::uint32_t>(std::uint64_t{tenants.span().count} * 6 / 10);
        fill(tenants, random, frames);
        look(tenants);
        for (int turn = 0; turn < 120; ++turn) {
            for (std::size_t i = tenants.blocks() / 4; i > 0; --i) {
                tenants.give_back_any(random);
            }
            fill(tenants, random, frames);
            look(tenants);
        }
    }

private:
    /// A refusal ends it: an allocator that has nothing of one order is not asked for ever.
    template <class A>
    static void fill(Tenants<A>& tenants, laws::Random& random, std::uint32_t frames) {
        while (tenants.in_use() < frames) {
            const int order = std::min(std::countr_one(random.next()), 9);
            if (!tenants.take(FrameOrder(static_cast<std::uint8_t>(order)))) {
                return;
            }
        }
    }
};

/// Runs a protocol on an allocator that has all of `span` and nothing else.
template <class Protocol, class A, class Look>
[[nodiscard]] FreeShape fragment(A& allocator, FrameRange span, std::uint32_t seed, Look&& look) {
    Tenants<A> tenants(allocator, span);
    laws::Random random(seed);
    Protocol::run(tenants, random, look);
    return tenants.shape_and_grants();
}
template <class Protocol, class A>
[[nodiscard]] FreeShape fragment(A& allocator, FrameRange span, std::uint32_t seed) {
    return fragment<Protocol>(allocator, span, seed, [](const auto&) {});
}

}  // namespace kidney::bench
