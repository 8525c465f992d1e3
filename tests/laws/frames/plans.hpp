/// The plans that try each law: on which maps, with which steps. Freestanding.
#pragma once

#include "tests/laws/frames/maps.hpp"

namespace kidney::laws::frames {

/// Builds one plan after the other.
class PlanMaker {
public:
    /// Calls f(plan) for each plan that tries this law. `maps`: how many of all_maps.
    template <class F>
    void for_each(Law law, std::uint32_t seed, unsigned maps, F&& f) noexcept {
        for (unsigned number = 0; number < maps; ++number) {
            const unsigned variants = law != Law::f6 ? 1 : number < small_maps ? wrong_kinds : 3;
            for (unsigned variant = 0; variant < variants; ++variant) {
                f(make(law, number, variant, seed));
            }
        }
    }

private:
    static constexpr unsigned wrong_kinds = wrong_free_count + 2;
    /// Few enough for policies that search from the start each time.
    static constexpr std::uint32_t many_blocks = 17'000;

    [[nodiscard]] Plan make(Law law, unsigned number, unsigned variant,
                            std::uint32_t seed) noexcept {
        count_ = 0;
        map_ = make_map(number, seed);
        random_ = Random(seed * 7919 + number * 104'729 + static_cast<unsigned>(law) * 31 +
                         variant * 1'299'709 + 1);
        is_small_ = number < small_maps;
        Plan plan;
        plan.law = law;
        plan.spans[0] = map_.span;
        begin(0, map_);
        switch (law) {
            case Law::f1:
                churn(400);
                break;
            case Law::f2:
                double_use();
                break;
            case Law::f3:
                churn(200);
                free_all();
                churn(100);
                free_all();
                break;
            case Law::f4:
                refusals();
                break;
            case Law::f5:
                restore();
                break;
            case Law::f6:
                wrong_free(variant);
                break;
            case Law::f7:
                metadata();
                break;
            case Law::f8:
                one_life(0);
                if (is_small_) {
                    const Map other = make_map((number + 7) % small_maps, seed + 1);
                    plan.spans[1] = other.span;
                    plan.instances = 3;
                    plan.interleaved = true;
                    begin(1, other);
                    one_life(1);
                }
                break;
        }
        plan.steps = std::span(steps_).first(count_);
        return plan;
    }

    void step(Op op, std::uint32_t a = 0, std::uint32_t b = 0, unsigned order = 0,
              unsigned instance = 0) noexcept {
        if (count_ < steps_.size()) {
            steps_[count_++] = {op, static_cast<std::uint8_t>(instance),
                                static_cast<std::uint8_t>(order), a, b};
        }
    }
    void begin(unsigned instance, const Map& map) noexcept {
        step(Op::attach, 0, 0, 0, instance);
        for (std::size_t i = 0; i < map.count; ++i) {
            step(Op::add_region, map.regions[i].first.value(), map.regions[i].count, 0, instance);
        }
    }
    void churn(std::uint32_t calls, unsigned instance = 0) noexcept {
        // A few frames are seen through in a few calls.
        step(Op::churn, std::min(calls, 30 + 2 * map_.span.count), random_.next(), 0, instance);
    }
    void free_all(unsigned instance = 0) noexcept {
        step(Op::free_all, random_.below(3), random_.next(), 0, instance);
    }
    /// Nothing is left of a small map.
    void use_up(unsigned instance = 0) noexcept {
        if (is_small_) {
            step(Op::fill, 0, 0, 0, instance);
        } else {
            step(Op::fill, 0, 0, 10, instance);
            step(Op::fill, 200, 0, 3, instance);
            step(Op::fill, 200, 0, 0, instance);
        }
    }

    void double_use() noexcept {
        use_up();
        for (unsigned i = 0; i < 12; ++i) {
            step(Op::free_any, random_.next());
        }
        churn(150);
        use_up();
        free_all();
        churn(150);
        use_up();
        if (is_small_) {
            one_in_the_way();
        }
    }
    /// A single frame is in use, at the end, at the start or in the middle of the largest block
    /// that there could be: of each order one block is not to be had.
    void one_in_the_way() noexcept {
        const FrameRange block = largest_block();
        for (const std::uint32_t place : {block.count - 1, 0U, random_.below(block.count)}) {
            free_all();
            step(Op::fill);
            step(Op::free_others, (block.first + place).value());
            for (unsigned order = mm::max_order.value() + 1; order-- > 0;) {
                step(Op::fill, 0, 0, order);
            }
        }
    }
    /// One of the largest whole aligned blocks in one region.
    [[nodiscard]] FrameRange largest_block() const noexcept {
        FrameRange best{map_.span.first, 1};
        for (std::size_t i = 0; i < map_.count; ++i) {
            const FrameRange region = map_.regions[i];
            for (std::uint32_t size = mm::max_order.frames(); size > best.count; size /= 2) {
                const std::uint32_t first = (region.first.value() + size - 1) & ~(size - 1);
                if (first + size <= region.end().value()) {
                    best = {FrameNumber(first), size};
                }
            }
        }
        return best;
    }
    void refusals() noexcept {
        if (map_.span.count == 1U << 20) {
            // A table of live blocks that is full is no reason to refuse.
            step(Op::fill, many_blocks);
            step(Op::free_all);
        }
        step(Op::every_order, 1);
        free_all();
        churn(200);
        step(Op::every_order, 1);
        use_up();
        step(Op::every_order, 1);
        step(Op::free_any, random_.next());
        step(Op::allocate, unnamed, 0, 0);
        step(Op::every_order, 1);
        // Every other block comes back: there are frames, and no pairs.
        free_all();
        use_up();
        for (unsigned i = 0; i < 40; ++i) {
            step(Op::free_any, random_.next());
            if (i % 8 == 7) {
                step(Op::fill, 0, 0, random_.below(4));
            }
        }
        step(Op::fill, is_small_ ? 0 : 100, 0, 1);
        step(Op::every_order, 1);
    }
    void restore() noexcept {
        for (unsigned i = 0; i <= mm::max_order.value(); ++i) {
            const unsigned order = (i * 7 + 10) % 11;
            if (!is_small_ && order < 8) {
                continue;
            }
            // Small blocks come apart into a state that only merging mends.
            if (is_small_ && i % 3 == 0) {
                use_up();
            } else {
                churn(60);
            }
            free_all();
            step(Op::fill, 0, 0, order);
            free_all();
        }
    }
    void wrong_free(unsigned variant) noexcept {
        churn(20 + random_.below(60));
        if (variant < wrong_free_count) {
            if (static_cast<WrongFree>(variant) == WrongFree::twice) {
                step(Op::free_any, random_.next());
            } else {
                step(Op::allocate, unnamed, 0, random_.below(3) == 0 ? random_.below(8) : 0);
            }
            step(Op::free_wrong, random_.next(), variant, 0);
        } else if (variant == wrong_free_count) {
            // Long after: the block has merged with others.
            free_all();
            step(Op::free, 0, 0, 0);
        } else {
            const FrameNumber hole = find_hole();
            step(Op::free, unnamed, hole.value(), random_.below(2) * random_.below(11));
        }
    }
    /// A frame of the span that is in no region, if there is one.
    [[nodiscard]] FrameNumber find_hole() noexcept {
        for (unsigned tries = 0; tries < 64; ++tries) {
            const FrameNumber frame = map_.span.first + random_.below(map_.span.count);
            bool added = false;
            for (std::size_t i = 0; i < map_.count; ++i) {
                added = added || map_.regions[i].contains(frame);
            }
            if (!added) {
                return frame;
            }
        }
        return map_.span.end();
    }
    void metadata() noexcept {
        step(Op::measure, map_.span.first.value(), map_.span.count);
        std::uint32_t frames = 1;
        for (unsigned i = 0; i < 21; ++i) {
            step(Op::measure, 0, frames);
            frames = std::min(frames * 2 - random_.below(2) * (frames / 3), 1U << 20);
        }
        step(Op::measure, map_.span.first.value(), map_.span.count);
        step(Op::measure, map_.span.first.value(), map_.span.count);
        use_up();
        churn(100);
        // A second life in the same memory starts empty.
        step(Op::attach);
        step(Op::allocate, unnamed, 0, 0);
        if (map_.count != 0) {
            const FrameRange only = map_.regions[map_.count / 2];
            step(Op::add_region, only.first.value(), only.count);
        }
        use_up();
        step(Op::every_order);
    }
    void one_life(unsigned instance) noexcept {
        churn(120, instance);
        free_all(instance);
        churn(60, instance);
        step(Op::fill, 60, 0, 1, instance);
        step(Op::every_order, 0, 0, 0, instance);
        free_all(instance);
        step(Op::fill, 300, 0, 0, instance);
    }

    Map map_;
    std::array<Step, 512> steps_{};
    std::size_t count_ = 0;
    Random random_{1};
    bool is_small_ = true;
};

/// How F8 varies a plan; every allocator must answer as in variation 0.
inline constexpr unsigned variations = 6;
[[nodiscard]] constexpr Plan vary(Plan plan, unsigned variation) noexcept {
    constexpr std::uint32_t chunk = mm::max_order.frames();
    switch (variation) {
        case 1:  // elsewhere, in memory that holds something else
            plan.place = 1776;
            plan.pattern = 0;
            break;
        case 2: {  // at other frames, if there are any
            bool up = true;
            bool down = true;
            for (const FrameRange span : plan.spans) {
                up = up && span.end().value() + 5 * chunk <= 1U << 20;
                down = down && (span.count == 0 || span.first.value() >= 3 * chunk);
            }
            plan.shift = up ? 5 * chunk : down ? 0U - 3 * chunk : 0;
            break;
        }
        case 3:
        case 4: {  // alone
            const unsigned instance = variation - 3;
            plan.instances &= static_cast<std::uint8_t>(1U << instance);
            break;
        }
        case 5:  // in a second life
            plan.lived_before = true;
            break;
        default:
            break;
    }
    return plan;
}

}  // namespace kidney::laws::frames
