/// What the frame policies are measured against: the same job by hand, with an array or a bitmap.
///
/// Measuring rods as in frame_lists.hpp, not policies: they believe every free.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kidney::bench {

/// A stack of single frames in an array: the floor for bursts. 32 bits per frame.
class ArrayStack {
public:
    static constexpr const char* name = "array_stack";
    [[nodiscard]] static double metadata_bits_per_frame(std::uint32_t) noexcept {
        return 8.0 * sizeof(FrameNumber);
    }
    explicit ArrayStack(std::uint32_t frames) : frames_(frames), count_(frames) {
        for (std::uint32_t f = 0; f < frames; ++f) {
            frames_[f] = FrameNumber(frames - 1 - f);
        }
    }
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        if (order.value() != 0 || count_ == 0) {
            return fail(Errc::no_memory);
        }
        return frames_[--count_];
    }
    void free(FrameNumber frame, FrameOrder) noexcept { frames_[count_++] = frame; }

private:
    std::vector<FrameNumber> frames_;
    std::size_t count_;
};

/// Next fit over a bitmap, nothing else: the floor for all that has one bit per frame. No lock.
class PlainBitmap {
public:
    static constexpr const char* name = "baseline_bitmap";
    [[nodiscard]] static double metadata_bits_per_frame(std::uint32_t) noexcept { return 1.0; }
    explicit PlainBitmap(std::uint32_t frames) : words_(frames / bits, ~Word{0}) {}

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const unsigned k = order.value();
        for (std::size_t tried = 0; tried <= words_.size(); ++tried) {
            if (k == 0 && words_[at_] != 0) [[likely]] {
                const auto bit = static_cast<unsigned>(std::countr_zero(words_[at_]));
                words_[at_] &= words_[at_] - 1;
                return FrameNumber(static_cast<std::uint32_t>(at_ * bits + bit));
            }
            if (const std::size_t run = k == 0 ? none : take_run(k); run != none) {
                return FrameNumber(static_cast<std::uint32_t>(run));
            }
            at_ = at_ + 1 == words_.size() ? 0 : at_ + 1;
        }
        return fail(Errc::no_memory);
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        const std::size_t word = first.value() / bits;
        if (order.frames() < bits) {
            words_[word] |= ((Word{1} << order.frames()) - 1) << first.value() % bits;
            return;
        }
        for (std::size_t i = 0; i < order.frames() / bits; ++i) {
            words_[word + i] = ~Word{0};
        }
    }

private:
    using Word = std::size_t;
    static constexpr unsigned bits = 8 * sizeof(Word);
    static constexpr std::size_t none = ~std::size_t{0};

    /// In the word at_, or the words from there.
    [[nodiscard]] std::size_t take_run(unsigned k) noexcept {
        const std::size_t frames = std::size_t{1} << k;
        if (frames < bits) {
            const Word mask = (Word{1} << frames) - 1;
            Word starts = words_[at_];
            for (unsigned i = 0; i < k; ++i) {
                // The mask clears every second group of 2^i bits: blocks start at multiples.
                starts &= starts >> (1U << i) & ~Word{0} / ((Word{1} << (1U << i)) + 1);
            }
            if (starts == 0) {
                return none;
            }
            const auto bit = static_cast<unsigned>(std::countr_zero(starts));
            words_[at_] &= ~(mask << bit);
            return at_ * bits + bit;
        }
        const std::size_t words = frames / bits;
        if (at_ % words != 0) {
            return none;
        }
        for (std::size_t i = 0; i < words; ++i) {
            if (words_[at_ + i] != ~Word{0}) {
                return none;
            }
        }
        for (std::size_t i = 0; i < words; ++i) {
            words_[at_ + i] = 0;
        }
        return at_ * bits;
    }

    std::vector<Word> words_;
    std::size_t at_ = 0;
};

}  // namespace kidney::bench
