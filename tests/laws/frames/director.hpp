/// From a plan to calls: which block is freed next depends on what came back before, and both the
/// side that calls and the side that judges must choose the same one. Freestanding.
#pragma once

#include "tests/laws/frames/calls.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>

namespace kidney::laws::frames {

/// The blocks that one allocator has handed out, by their names, and which of them are live.
class Blocks {
public:
    struct Block {
        FrameNumber first;
        std::uint32_t position = 0;  ///< in the list of live ones
        std::uint8_t order = 0;
        bool served = false;
        bool live = false;
    };

    /// Memory for as many blocks as `blocks` and `live` have entries.
    void use(std::span<Block> blocks, std::span<std::uint32_t> live) noexcept {
        blocks_ = blocks;
        live_ = live;
        clear();
    }
    void clear() noexcept {
        std::fill(blocks_.begin(), blocks_.end(), Block{});
        live_count_ = 0;
        next_ = 0;
        last_freed_ = unnamed;
    }

    [[nodiscard]] bool is_full() const noexcept { return next_ == blocks_.size(); }
    [[nodiscard]] std::size_t capacity() const noexcept { return blocks_.size(); }
    [[nodiscard]] std::uint32_t name() noexcept { return next_++; }
    [[nodiscard]] std::uint32_t names() const noexcept { return next_; }
    [[nodiscard]] bool knows(std::uint32_t id) const noexcept {
        return id < blocks_.size() && blocks_[id].served;
    }
    [[nodiscard]] const Block& block(std::uint32_t id) const noexcept { return blocks_[id]; }
    [[nodiscard]] std::uint32_t live_count() const noexcept { return live_count_; }
    [[nodiscard]] std::uint32_t live(std::uint32_t n) const noexcept { return live_[n]; }
    /// There is one.
    [[nodiscard]] std::uint32_t largest_live() const noexcept {
        return *std::ranges::max_element(live_.first(live_count_), {},
                                         [this](std::uint32_t id) { return blocks_[id].order; });
    }
    [[nodiscard]] std::uint32_t last_freed() const noexcept { return last_freed_; }
    /// The live block of exactly this place and size, or `unnamed`.
    [[nodiscard]] std::uint32_t find(FrameNumber first, std::uint8_t order) const noexcept {
        for (const std::uint32_t id : live_.first(live_count_)) {
            if (blocks_[id].first == first && blocks_[id].order == order) {
                return id;
            }
        }
        return unnamed;
    }

    void came(std::uint32_t id, FrameNumber first, std::uint8_t order) noexcept {
        blocks_[id] = {first, live_count_, order, true, true};
        live_[live_count_++] = id;
    }
    void went(std::uint32_t id) noexcept {
        Block& block = blocks_[id];
        block.live = false;
        const std::uint32_t last = live_[--live_count_];
        live_[block.position] = last;
        blocks_[last].position = block.position;
        last_freed_ = id;
    }
    /// Holes in the memory map are forgotten, too: the allocator begins again.
    void forget_all() noexcept {
        for (const std::uint32_t id : live_.first(live_count_)) {
            blocks_[id].live = false;
        }
        live_count_ = 0;
        last_freed_ = unnamed;
    }

private:
    std::span<Block> blocks_;
    std::span<std::uint32_t> live_;
    std::uint32_t live_count_ = 0;
    std::uint32_t next_ = 0;
    std::uint32_t last_freed_ = unnamed;
};

/// Usage: while (director.next(call)) { ... director.hear(call, answer); }
class Director {
public:
    Director(const Plan& plan, std::span<Blocks, max_instances> blocks, FrameOrder largest) noexcept
        : plan_(plan), blocks_(blocks), largest_(largest.value()) {
        for (Blocks& b : blocks_) {
            b.clear();
        }
        if (plan.interleaved) {
            for (unsigned i = 0; i < max_instances; ++i) {
                lines_[i].instances = static_cast<std::uint8_t>(plan.instances & 1U << i);
            }
        } else {
            lines_[0].instances = plan.instances;
        }
    }

    [[nodiscard]] bool next(Call& call) noexcept {
        if (ended_) {
            return false;
        }
        turn_ = turn_ * 5 + 3;  // a fixed, uneven rhythm
        const unsigned first = turn_ >> 4 & 1U;
        return advance(lines_[first], call) || advance(lines_[first ^ 1U], call);
    }
    void hear(const Call& call, const Answer& answer) noexcept {
        Blocks& blocks = blocks_[call.instance];
        switch (answer.outcome) {
            case Answer::Outcome::served:
                if (call.id < unnamed) {
                    blocks.came(call.id, answer.frame, call.order);
                }
                break;
            case Answer::Outcome::refused:
                refused_[call.instance] = true;
                break;
            case Answer::Outcome::done:
                if (call.op == Op::free && call.id != unnamed && call.offset == 0 &&
                    blocks.block(call.id).live && blocks.block(call.id).order == call.order) {
                    blocks.went(call.id);
                } else if (call.op == Op::attach) {
                    blocks.forget_all();
                }
                break;
            default:
                ended_ = true;  // nothing is known of the allocator's state
                break;
        }
    }

private:
    /// Steps in their order: of one allocator, or of both.
    struct Line {
        std::uint8_t instances = 0;
        std::size_t step = 0;
        std::uint32_t progress = 0;  ///< calls that this step has become
        std::uint32_t cursor = 0;    ///< of free_all: a block's name
        Random random{1};
    };

    [[nodiscard]] bool advance(Line& line, Call& call) noexcept {
        while (line.step < plan_.steps.size()) {
            const Step& step = plan_.steps[line.step];
            if ((line.instances >> step.instance & 1U) != 0 && expand(line, step, call)) {
                ++line.progress;
                return true;
            }
            ++line.step;
            line.progress = 0;
        }
        return false;
    }

    /// The next call of this step; false if there is none.
    [[nodiscard]] bool expand(Line& line, const Step& step, Call& call) noexcept {
        Blocks& blocks = blocks_[step.instance];
        const std::uint32_t n = line.progress;
        if (n == 0) {
            line.random = Random(step.b);
        }
        call = Call{};
        call.op = step.op;
        call.instance = step.instance;
        call.order = step.order;
        switch (step.op) {
            case Op::attach:
                call.range = plan_.spans[step.instance];
                return n == 0;
            case Op::add_region:
            case Op::measure:
                call.range = {FrameNumber(step.a), step.b};
                return n == 0;
            case Op::allocate:
                return n == 0 && allocate(call, blocks, step.order, step.a);
            case Op::free:
                return n == 0 && free(call, blocks, step);
            case Op::free_any:
                return n == 0 && free_live(call, blocks, step.a);
            case Op::free_wrong:
                return n == 0 && free_wrong(call, blocks, step);
            case Op::fill: {
                const bool goes_on = n == 0 || (!refused_[step.instance] && n != step.a);
                return goes_on && allocate(call, blocks, step.order, unnamed);
            }
            case Op::free_all:
                return free_next(call, blocks, static_cast<FreeOrder>(step.a), line);
            case Op::free_others:
                return free_other(call, blocks, FrameNumber(step.a), line);
            case Op::churn:
                return n < step.a && churn(call, blocks, line.random, n);
            case Op::every_order: {
                constexpr std::uint8_t too_large[] = {11, 12, 16, 31};
                const unsigned fair = mm::max_order.value() + 1U;
                return n < fair + (step.a != 0 ? std::size(too_large) : 0) &&
                       allocate(call, blocks,
                                n < fair ? static_cast<std::uint8_t>(n) : too_large[n - fair],
                                unnamed);
            }
        }
        return false;
    }

    [[nodiscard]] bool allocate(Call& call, Blocks& blocks, std::uint8_t order,
                                std::uint32_t id) noexcept {
        if (id == unnamed) {
            if (blocks.is_full()) {
                return false;
            }
            id = blocks.name();
        } else if (id >= blocks.capacity()) {
            return false;
        }
        refused_[call.instance] = false;
        call.op = Op::allocate;
        call.order = order;
        call.id = id;
        return true;
    }
    [[nodiscard]] static bool free(Call& call, const Blocks& blocks, const Step& step) noexcept {
        call.id = step.a;
        call.offset = step.b;
        if (step.a == unnamed) {
            call.range.first = FrameNumber(step.b);
            call.id = blocks.find(call.range.first, call.order);
            call.offset = call.id == unnamed ? step.b : 0;
            return true;
        }
        if (!blocks.knows(step.a)) {
            return false;
        }
        call.range.first = blocks.block(step.a).first + step.b;
        if (const std::uint32_t hit = blocks.find(call.range.first, call.order); hit != unnamed) {
            call.id = hit;
            call.offset = 0;
        }
        return true;
    }
    [[nodiscard]] static bool free_live(Call& call, const Blocks& blocks,
                                        std::uint32_t which) noexcept {
        if (blocks.live_count() == 0) {
            return false;
        }
        return free_id(call, blocks, blocks.live(which % blocks.live_count()));
    }
    [[nodiscard]] static bool free_id(Call& call, const Blocks& blocks, std::uint32_t id) noexcept {
        call.op = Op::free;
        call.id = id;
        call.order = blocks.block(id).order;
        call.range.first = blocks.block(id).first;
        return true;
    }
    [[nodiscard]] static bool free_next(Call& call, const Blocks& blocks, FreeOrder how,
                                        Line& line) noexcept {
        if (blocks.live_count() == 0) {
            return false;
        }
        if (how == FreeOrder::random) {
            return free_live(call, blocks, line.random.next());
        }
        if (line.progress == 0) {
            line.cursor = how == FreeOrder::oldest_first ? 0 : blocks.names() - 1;
        }
        const std::uint32_t forward = how == FreeOrder::oldest_first ? 1 : ~0U;
        while (!blocks.block(line.cursor).live) {
            line.cursor += forward;
        }
        return free_id(call, blocks, line.cursor);
    }
    [[nodiscard]] static bool free_other(Call& call, const Blocks& blocks, FrameNumber kept,
                                         Line& line) noexcept {
        if (line.progress == 0) {
            line.cursor = blocks.names();
        }
        while (line.cursor != 0) {
            const Blocks::Block& block = blocks.block(--line.cursor);
            if (block.live && !FrameRange{block.first, 1U << block.order}.contains(kept)) {
                return free_id(call, blocks, line.cursor);
            }
        }
        return false;
    }
    /// Mixed orders, rather small ones, at varying occupancy.
    [[nodiscard]] bool churn(Call& call, Blocks& blocks, Random& random, std::uint32_t n) noexcept {
        const bool growing = n / 64 % 2 == 0;
        const bool takes = random.below(8) < (growing ? 6U : 3U) || blocks.live_count() == 0;
        if (!takes || blocks.is_full()) {
            return free_live(call, blocks, random.next());
        }
        const std::uint32_t wild = random.below(mm::max_order.value() + 1U);
        const std::uint32_t tame = std::min<std::uint32_t>(random.below(3), largest_);
        return allocate(call, blocks, static_cast<std::uint8_t>(random.below(5) == 0 ? wild : tame),
                        unnamed);
    }

    [[nodiscard]] bool free_wrong(Call& call, const Blocks& blocks, const Step& step) noexcept {
        const FrameRange span = plan_.spans[step.instance];
        const auto kind = static_cast<WrongFree>(step.b);
        call.op = Op::free;
        const auto somewhere = [&](FrameNumber frame) {
            return free(call, blocks, {Op::free, step.instance, 0, unnamed, frame.value()});
        };
        call.order = 0;
        switch (kind) {
            case WrongFree::behind_span:
                return somewhere(span.end() + step.a % 5000);
            case WrongFree::before_span:
                return span.first.value() != 0 && somewhere(FrameNumber(span.first.value() - 1));
            case WrongFree::far_away:
                return somewhere(FrameNumber(~step.a % 4 == 0 ? ~0U : 0x8000'0000U + step.a));
            default:
                break;
        }
        std::uint32_t id = blocks.last_freed();
        if (kind != WrongFree::twice) {
            if (blocks.live_count() == 0) {
                return false;
            }
            id = kind == WrongFree::another_order ? blocks.largest_live()
                                                  : blocks.live(step.a % blocks.live_count());
        } else if (id == unnamed) {
            return false;
        }
        const Blocks::Block& block = blocks.block(id);
        const std::uint32_t size = 1U << block.order;
        std::uint32_t offset = 0;
        std::uint32_t order = block.order;
        switch (kind) {
            case WrongFree::smaller:
                order = order == 0 ? 1 : order - 1;
                break;
            case WrongFree::larger:
                order += 1;
                break;
            case WrongFree::another_order:
                // Any, or one that is a bit away.
                order = step.a % 2 == 0 ? (order + 1 + step.a % mm::max_order.value()) %
                                              (mm::max_order.value() + 1U)
                                        : order ^ 8U;
                break;
            case WrongFree::tail:
                offset = size / 2;
                order = order == 0 ? 2 : order - 1;
                break;
            case WrongFree::inside:
                offset = size == 1 ? 0 : 1 + step.a % (size - 1);
                order = size == 1 ? 3 : 0;
                break;
            case WrongFree::beside:
                offset = size;
                break;
            case WrongFree::before:
                offset = 0U - size;
                break;
            case WrongFree::order_too_large:
                order = mm::max_order.value() + 1U;
                break;
            case WrongFree::order_far_too_large:
                order = 16;
                break;
            default:
                break;
        }
        call.order = static_cast<std::uint8_t>(order);
        call.range.first = block.first + offset;
        const std::uint32_t hit = blocks.find(call.range.first, call.order);
        call.id = hit == unnamed ? id : hit;  // a neighbour of the same size: then it is right
        call.offset = hit == unnamed ? offset : 0;
        return true;
    }

    const Plan& plan_;
    std::span<Blocks, max_instances> blocks_;
    std::array<Line, max_instances> lines_{};
    std::array<bool, max_instances> refused_{};
    std::uint32_t turn_ = 1;
    unsigned largest_;
    bool ended_ = false;
};

}  // namespace kidney::laws::frames
