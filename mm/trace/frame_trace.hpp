/// What a frame policy was asked and what it answered, since it had no frame; and the text form.
///
/// Text form, version 1: a header, words, `end`. Numbers of frames are hexadecimal, orders decimal;
/// a single frame has no order. Lines may break between any words; one that starts with # is a
/// comment.
///
///     kidney-frame-trace 1 policy=buddy calls=5 dropped=0
///     s1-1fff r100-7ff r900-1fff     the span that the policy was attached to; frames given to it
///     +100 +200.9 !10                a frame; a block of order 9 at 0x200; order 10 refused
///     -100 -200.9                    what was freed
///     end
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/format.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::mm {

inline constexpr std::string_view frame_trace_magic = "kidney-frame-trace 1";

/// One record; ranges are two, the first and the last frame. Fits a word: frames lie below 2^20.
struct FrameEvent {
    enum class Kind : std::uint8_t {
        span_first = 1,  // so that no record is 0
        span_last,
        region_first,
        region_last,
        granted,
        refused,
        freed
    };

    Kind kind = Kind::refused;
    FrameOrder order;
    FrameNumber frame;

    [[nodiscard]] constexpr std::uint32_t word() const noexcept {
        return static_cast<std::uint32_t>(kind) << 24 | std::uint32_t{order.value()} << 20 |
               frame.value();
    }
    [[nodiscard]] static constexpr FrameEvent of(std::uint32_t word) noexcept {
        return {static_cast<Kind>(word >> 24), FrameOrder(word >> 20 & 15U),
                FrameNumber(word & 0xf'ffffU)};
    }
    friend constexpr bool operator==(FrameEvent, FrameEvent) noexcept = default;
};

/// One record as text.
template <TextSink S>
void write_event(S& sink, FrameEvent event) noexcept {
    using Kind = FrameEvent::Kind;
    const std::uint32_t frame = event.frame.value();
    switch (event.kind) {
        case Kind::span_first:
            format_to(sink, "s{:x}", frame);
            return;
        case Kind::region_first:
            format_to(sink, "r{:x}", frame);
            return;
        case Kind::span_last:
        case Kind::region_last:
            format_to(sink, "-{:x}", frame);
            return;
        case Kind::refused:
            format_to(sink, "!{}", std::uint32_t{event.order.value()});
            return;
        case Kind::granted:
        case Kind::freed:
            format_to(sink, "{}{:x}", event.kind == Kind::granted ? '+' : '-', frame);
            if (event.order != FrameOrder(0)) {
                format_to(sink, ".{}", std::uint32_t{event.order.value()});
            }
            return;
    }
}

/// Keeps the first records that fit, and counts the others; those would make no sense without what
/// is between.
/// Concurrency: record() from any CPU, interrupts on or off; start() and stop() where nobody else
/// records, write() after stop(). Cost: one comparison while it is off, else an atomic addition.
class FrameTrace {
public:
    void start(std::span<std::uint32_t> words) noexcept {
        std::fill(words.begin(), words.end(), unwritten);
        used_.store(0, std::memory_order_relaxed);
        size_ = static_cast<std::uint32_t>(words.size());
        words_.store(words.data(), std::memory_order_release);
    }
    /// What another CPU is about to write now is dropped, and what follows it.
    void stop() noexcept {
        std::uint32_t* const words = words_.exchange(nullptr, std::memory_order_relaxed);
        const std::uint32_t most = words == nullptr ? 0 : std::min(used_.load(), size_);
        std::uint32_t n = 0;
        while (n < most && word_at(words, n).load(std::memory_order_acquire) != unwritten) {
            ++n;
        }
        recorded_ = {words, n};
    }
    [[nodiscard]] bool is_on() const noexcept {
        return words_.load(std::memory_order_relaxed) != nullptr;
    }
    /// Is there nothing to write? After stop().
    [[nodiscard]] bool is_empty() const noexcept { return recorded_.empty(); }

    /// A block counts as live from its `granted` to its `freed`: so the first is recorded after the
    /// policy gave it, the second before the policy gets it, and they are in order on all CPUs.
    void record(FrameEvent::Kind kind, FrameNumber frame, FrameOrder order) noexcept {
        std::uint32_t* const words = words_.load(std::memory_order_relaxed);
        if (words != nullptr) [[unlikely]] {
            append(words, FrameEvent{kind, order, frame}.word());
        }
    }

    /// Calls line(text) with each line of the text form; with none if nothing was recorded.
    template <class Line>
    void write(std::string_view policy, Line&& line) const noexcept {
        using Kind = FrameEvent::Kind;
        if (is_empty()) {
            return;
        }
        TextBuffer<line_length> text;
        format_to(text, "{} policy={} calls={} dropped={}", frame_trace_magic, policy, calls(),
                  used_.load(std::memory_order_relaxed) - recorded_.size());
        line(text.view());
        text.clear();
        for (const std::uint32_t word : recorded_) {
            const FrameEvent event = FrameEvent::of(word);
            TextBuffer<16> record;
            write_event(record, event);
            const bool is_first =
                event.kind == Kind::span_first || event.kind == Kind::region_first;
            const bool is_second = event.kind == Kind::span_last || event.kind == Kind::region_last;
            // Both ends of a range are one word.
            const std::size_t more = 1 + (is_first ? std::string_view("-fffff").size() : 0);
            if (!is_second && text.view().size() + record.view().size() + more > line_length) {
                line(text.view());
                text.clear();
            }
            if (!text.view().empty() && !is_second) {
                text.write(" ");
            }
            text.write(record.view());
        }
        line(text.view());
        line(std::string_view("end"));
    }

private:
    static constexpr std::size_t line_length = 180;
    static constexpr std::uint32_t counted_at_most = 1U << 31;
    static constexpr std::uint32_t unwritten = 0;  ///< no event has this word

    [[gnu::noinline]] void append(std::uint32_t* words, std::uint32_t word) noexcept {
        if (used_.load(std::memory_order_relaxed) >= counted_at_most) [[unlikely]] {
            return;  // the first records must not be overwritten when the count starts again at 0
        }
        // acq_rel: records about one frame are as ordered as what is done with it.
        const std::uint32_t at = used_.fetch_add(1, std::memory_order_acq_rel);
        if (at < size_) {
            word_at(words, at).store(word, std::memory_order_release);
        }
    }
    [[nodiscard]] static std::atomic_ref<std::uint32_t> word_at(std::uint32_t* words,
                                                                std::uint32_t at) noexcept {
        return std::atomic_ref<std::uint32_t>(words[at]);
    }
    [[nodiscard]] std::size_t calls() const noexcept {
        return static_cast<std::size_t>(
            std::count_if(recorded_.begin(), recorded_.end(), [](std::uint32_t word) {
                return FrameEvent::of(word).kind >= FrameEvent::Kind::granted;
            }));
    }

    std::atomic<std::uint32_t*> words_{nullptr};  ///< null: off
    std::atomic<std::uint32_t> used_{0};          ///< records there would be with more room
    std::uint32_t size_ = 0;
    std::span<const std::uint32_t> recorded_;  ///< after stop()
};

}  // namespace kidney::mm
