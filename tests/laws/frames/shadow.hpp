/// What an allocator must have answered: the laws' own books, one byte for each frame.
/// Freestanding.
#pragma once

#include "tests/laws/frames/calls.hpp"

#include <algorithm>

namespace kidney::laws::frames {

/// A broken law, with all that a message needs.
struct Finding {
    enum class Kind : std::uint8_t {
        outside,         ///< F1: `seen` is a frame that was never added
        misaligned,      ///< F1
        overlaps,        ///< F2: `seen` is a frame of a live block that starts at `expected`
        count,           ///< F3: `expected` free frames, `seen` told
        wrong_error,     ///< F4
        refusal_counts,  ///< F4: like count, after a refused call
        refused,     ///< F4: `seen` starts a free block of this order; `expected` frames are free
        too_large,   ///< F4: served an order above the largest, which is `expected`
        not_merged,  ///< F5: `seen` starts a free block of this order; with `expected` before it
        wrong_free,  ///< F6
        canary_before,  ///< F7
        canary_behind,  ///< F7
        oversized,      ///< F7: wants `seen` bytes, `expected` is the limit
        shrinks,        ///< F7: `seen` bytes, `expected` for the same or for fewer frames
        differs,        ///< F8: written by whoever compares
    };
    Kind kind = Kind::count;
    Law law = Law::f3;
    std::uint64_t expected = 0;
    std::uint64_t seen = 0;
    std::size_t index = 0;  ///< of the call, in the plan
    Call call;
    Answer answer;
};

/// The books of one allocator.
class FrameBooks {
public:
    /// One byte for each frame of the span.
    void use(std::span<std::uint8_t> states) noexcept { memory_ = states; }
    void attach(FrameRange span) noexcept {
        span_ = span;
        states_ = memory_.first(span.count);
        std::fill(states_.begin(), states_.end(), absent);
        free_ = live_ = 0;
        restored_ = false;
    }
    void add(FrameRange region) noexcept {
        for (std::uint32_t i = 0; i < region.count; ++i) {
            states_[region.first - span_.first + i] = available;
        }
        free_ += region.count;
    }
    [[nodiscard]] std::uint32_t free_frames() const noexcept { return free_; }
    [[nodiscard]] bool is_added(FrameNumber f) const noexcept {
        return span_.contains(f) && states_[f - span_.first] != absent;
    }
    [[nodiscard]] bool is_free(FrameNumber f) const noexcept {
        return span_.contains(f) && states_[f - span_.first] == available;
    }
    /// Start of the live block that this frame is in.
    [[nodiscard]] FrameNumber start_of(FrameNumber f) const noexcept {
        while (states_[f - span_.first] == later) {
            f = FrameNumber(f.value() - 1);
        }
        return f;
    }
    [[nodiscard]] bool is_live(FrameNumber first, unsigned order) const noexcept {
        return span_.contains(first) && order <= mm::max_order.value() &&
               states_[first - span_.first] == (head | order);
    }
    /// The first aligned block of free frames, or false.
    [[nodiscard]] bool find_free(unsigned order, FrameNumber& found) const noexcept {
        const std::uint32_t size = 1U << order;
        const std::uint32_t misfit = span_.first.value() % size;
        for (std::uint32_t at = misfit == 0 ? 0 : size - misfit; at + size <= states_.size();
             at += size) {
            const auto* const block = states_.data() + at;
            if (std::all_of(block, block + size, [](std::uint8_t s) { return s == available; })) {
                found = span_.first + at;
                return true;
            }
        }
        return false;
    }
    void take(FrameNumber first, unsigned order) noexcept {
        const std::uint32_t at = first - span_.first;
        std::fill_n(states_.begin() + at, 1U << order, later);
        states_[at] = static_cast<std::uint8_t>(head | order);
        free_ -= 1U << order;
        if (live_++ == 0) {
            refill_order_ = order;
        }
        restored_ = restored_ && refill_order_ == order;
    }
    void give_back(FrameNumber first, unsigned order) noexcept {
        std::fill_n(states_.begin() + (first - span_.first), 1U << order, available);
        free_ += 1U << order;
        restored_ = --live_ == 0;
    }
    /// Has everything been freed, and since then only this order been asked for?
    [[nodiscard]] bool is_restored(unsigned order) const noexcept {
        return restored_ && (live_ == 0 || refill_order_ == order);
    }
    [[nodiscard]] std::uint32_t live_blocks() const noexcept { return live_; }

private:
    static constexpr std::uint8_t absent = 0;
    static constexpr std::uint8_t available = 1;
    static constexpr std::uint8_t later = 2;
    static constexpr std::uint8_t head = 0x10;

    std::span<std::uint8_t> memory_;
    std::span<std::uint8_t> states_;
    FrameRange span_;
    std::uint32_t free_ = 0;
    std::uint32_t live_ = 0;
    unsigned refill_order_ = 0;
    bool restored_ = false;
};

/// Judges answers. Each law is heard once in a plan: what follows from a fault is not another one.
class Shadow {
public:
    Shadow(std::span<FrameBooks, max_instances> books, FrameOrder largest) noexcept
        : books_(books), largest_(largest.value()) {}

    enum class Next : std::uint8_t {
        goes_on,
        ends,      ///< the books cannot follow any more
        disaster,  ///< a right call was an invariant failure, or did not come back
    };
    Next judge(const Call& call, const Answer& answer) noexcept {
        FrameBooks& books = books_[call.instance];
        const std::size_t index = index_++;
        const auto check = [&](bool held, Finding::Kind kind, Law law, std::uint64_t expected,
                               std::uint64_t seen) {
            ++checks_[static_cast<std::size_t>(law)];
            if (!held && !broken(law)) {
                findings_[found_++] = {kind, law, expected, seen, index, call, answer};
            }
            return held;
        };
        using Kind = Finding::Kind;
        if (answer.outcome == Answer::Outcome::oversized) {
            check(false, Kind::oversized, Law::f7, metadata_limit(call.range), answer.size);
            return Next::ends;
        }
        if (call.op == Op::free && !books.is_live(call.range.first, call.order)) {
            check(answer.outcome == Answer::Outcome::trapped, Kind::wrong_free, Law::f6, 0, 0);
            return has_no_end(answer) ? Next::disaster : Next::ends;
        }
        if (answer.outcome == Answer::Outcome::trapped || has_no_end(answer)) {
            return Next::disaster;  // worse than a broken law; whoever plays tells
        }
        const std::uint32_t before = books.free_frames();
        switch (call.op) {
            case Op::attach:
                books.attach(call.range);
                break;
            case Op::add_region:
                books.add(call.range);
                break;
            case Op::measure: {
                const bool comparable =
                    measured_.first == call.range.first && measured_.count <= call.range.count;
                check(!comparable ||
                          (measured_.count == call.range.count ? answer.size == measured_bytes_
                                                               : answer.size >= measured_bytes_),
                      Kind::shrinks, Law::f7, measured_bytes_, answer.size);
                check(answer.size <= metadata_limit(call.range), Kind::oversized, Law::f7,
                      metadata_limit(call.range), answer.size);
                check(call.range != spanned_ || answer.size == spanned_bytes_, Kind::shrinks,
                      Law::f7, spanned_bytes_, answer.size);
                if (spanned_.count == 0) {
                    spanned_ = call.range;
                    spanned_bytes_ = answer.size;
                }
                measured_ = call.range;
                measured_bytes_ = answer.size;
                break;
            }
            case Op::allocate:
                if (answer.outcome == Answer::Outcome::refused) {
                    refusal(check, books, call, answer);
                } else if (!service(check, books, call, answer)) {
                    return Next::ends;
                }
                break;
            default:
                books.give_back(call.range.first, call.order);
                break;
        }
        if (call.op != Op::measure) {
            const bool refused = answer.outcome == Answer::Outcome::refused;
            check(answer.free_frames == books.free_frames() ||
                      // What was wrong before is not this call's fault.
                      (broken(Law::f3) && answer.free_frames - last_told_[call.instance] ==
                                              books.free_frames() - before),
                  refused ? Kind::refusal_counts : Kind::count, refused ? Law::f4 : Law::f3,
                  books.free_frames(), answer.free_frames);
            last_told_[call.instance] = answer.free_frames;
        }
        check(answer.before_intact, Kind::canary_before, Law::f7, 0, 0);
        check(answer.behind_intact, Kind::canary_behind, Law::f7, 0, 0);
        return Next::goes_on;
    }

    [[nodiscard]] std::span<const Finding> findings() const noexcept {
        return std::span(findings_).first(found_);
    }
    [[nodiscard]] std::size_t checks(Law law) const noexcept {
        return checks_[static_cast<std::size_t>(law)];
    }

private:
    [[nodiscard]] bool broken(Law law) const noexcept {
        return std::any_of(findings_.begin(), findings_.begin() + found_,
                           [law](const Finding& f) { return f.law == law; });
    }
    template <class Check>
    void refusal(Check& check, const FrameBooks& books, const Call& call,
                 const Answer& answer) const noexcept {
        check(answer.error == Errc::no_memory, Finding::Kind::wrong_error, Law::f4, 0, 0);
        if (call.order > largest_) {
            return;
        }
        FrameNumber found;
        const bool exists = books.find_free(call.order, found);
        if (books.is_restored(call.order)) {
            check(!exists, Finding::Kind::not_merged, Law::f5, books.live_blocks(), found.value());
        } else {
            check(!exists, Finding::Kind::refused, Law::f4, books.free_frames(), found.value());
        }
    }
    /// False if the books cannot represent this block.
    template <class Check>
    [[nodiscard]] bool service(Check& check, FrameBooks& books, const Call& call,
                               const Answer& answer) const noexcept {
        if (!check(call.order <= largest_, Finding::Kind::too_large, Law::f4, largest_, 0)) {
            return false;
        }
        const std::uint32_t size = 1U << call.order;
        if (!check(answer.frame.value() % size == 0, Finding::Kind::misaligned, Law::f1, size, 0)) {
            return false;
        }
        for (std::uint32_t i = 0; i < size; ++i) {
            if (!books.is_added(answer.frame + i)) {
                check(false, Finding::Kind::outside, Law::f1, 0, answer.frame.value() + i);
                return false;
            }
        }
        for (std::uint32_t i = 0; i < size; ++i) {
            if (!books.is_free(answer.frame + i)) {
                const FrameNumber start = books.start_of(answer.frame + i);
                check(false, Finding::Kind::overlaps, Law::f2, start.value(),
                      answer.frame.value() + i);
                return false;
            }
        }
        check(true, Finding::Kind::overlaps, Law::f2, 0, 0);
        if (books.is_restored(call.order)) {
            check(true, Finding::Kind::not_merged, Law::f5, 0, 0);
        }
        books.take(answer.frame, call.order);
        return true;
    }

    std::span<FrameBooks, max_instances> books_;
    std::array<Finding, law_count> findings_{};
    std::size_t found_ = 0;
    std::array<std::size_t, law_count> checks_{};
    std::size_t index_ = 0;
    std::array<std::uint32_t, max_instances> last_told_{};
    FrameRange spanned_{};  ///< what was measured first
    std::uint32_t spanned_bytes_ = 0;
    FrameRange measured_{};
    std::uint32_t measured_bytes_ = 0;
    unsigned largest_;
};

/// The message of a finding: "expected 17 free frames, saw 18 after free(0x210, 2)".
template <TextSink S>
void write_finding(S& sink, const Finding& f) noexcept {
    const auto call = [&](const Answer* answer) { write_call(sink, f.call, answer, false); };
    using Kind = Finding::Kind;
    const auto seen = static_cast<std::uint32_t>(f.seen);
    const auto expected = static_cast<std::uint32_t>(f.expected);
    switch (f.kind) {
        case Kind::outside:
            call(&f.answer);
            format_to(sink, ": frame 0x{:x} was never added", seen);
            break;
        case Kind::misaligned:
            call(&f.answer);
            format_to(sink, ": expected a multiple of {} (0x{:x})", expected, expected);
            break;
        case Kind::overlaps:
            call(&f.answer);
            format_to(sink, ": frame 0x{:x} belongs to the live block at 0x{:x}", seen, expected);
            break;
        case Kind::count:
        case Kind::refusal_counts:
            format_to(sink, "expected {} free frames, saw {} after ", expected, seen);
            call(f.answer.outcome == Answer::Outcome::refused ? &f.answer : nullptr);
            break;
        case Kind::wrong_error:
            call(&f.answer);
            format_to(sink, ": expected no_memory");
            break;
        case Kind::refused:
            call(&f.answer);
            format_to(sink,
                      ": refused, but the block at 0x{:x} is free as a whole (free frames: {})",
                      seen, expected);
            break;
        case Kind::too_large:
            call(&f.answer);
            format_to(sink, ": expected a refusal, the largest order is {}", expected);
            break;
        case Kind::not_merged:
            call(&f.answer);
            format_to(sink,
                      ": refused after everything was freed and {} blocks of this order were "
                      "served; the block at 0x{:x} is free as a whole",
                      expected, seen);
            break;
        case Kind::wrong_free:
            call(nullptr);
            format_to(sink, " was accepted: expected an invariant failure, no such block is live");
            break;
        case Kind::canary_before:
            format_to(sink, "bytes in front of the metadata were overwritten in ");
            call(&f.answer);
            break;
        case Kind::canary_behind:
            format_to(sink, "bytes behind the metadata were overwritten in ");
            call(&f.answer);
            break;
        case Kind::oversized:
            call(nullptr);
            format_to(sink, ": wants {} bytes of metadata, more than {} (64 for each frame)", seen,
                      expected);
            break;
        case Kind::shrinks:
            call(&f.answer);
            format_to(sink, ": was {} for as many frames or fewer", expected);
            break;
        case Kind::differs:
            break;
    }
}

}  // namespace kidney::laws::frames
