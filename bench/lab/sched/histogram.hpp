/// Many times in few counters: buckets whose width grows with what they hold, so that every
/// percentile is right to 3 % (an HDR histogram).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::lab {

/// Cost of add(): a few instructions, one counter.
class Histogram {
public:
    static constexpr unsigned steps_bits = 5;  ///< 32 buckets for each doubling
    static constexpr std::size_t buckets = (64 - steps_bits + 1) << steps_bits;

    void add(std::uint64_t value) noexcept {
        ++counts_[bucket_of(value)];
        ++count_;
        sum_ += value;
        most_ = std::max(most_, value);
    }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t most() const noexcept { return most_; }
    [[nodiscard]] std::uint64_t mean() const noexcept { return count_ == 0 ? 0 : sum_ / count_; }
    /// The value that `per_mille` of 1000 do not exceed, rounded up to the end of its bucket.
    [[nodiscard]] std::uint64_t percentile(std::uint32_t per_mille) const noexcept {
        const std::uint64_t wanted = (count_ * per_mille + 999) / 1000;
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < buckets; ++i) {
            seen += counts_[i];
            if (seen >= wanted && seen != 0) {
                return std::min(end_of(i), most_);
            }
        }
        return most_;
    }
    /// Calls f(largest value, count) for each bucket with something in it.
    template <class F>
    void for_each(F&& f) const {
        for (std::size_t i = 0; i < buckets; ++i) {
            if (counts_[i] != 0) {
                f(end_of(i), counts_[i]);
            }
        }
    }

private:
    [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
        const auto width = static_cast<unsigned>(std::bit_width(value));
        const unsigned shift = width > steps_bits + 1 ? width - steps_bits - 1 : 0;
        return (std::size_t{shift} << steps_bits) + static_cast<std::size_t>(value >> shift);
    }
    [[nodiscard]] static constexpr std::uint64_t end_of(std::size_t bucket) noexcept {
        constexpr std::size_t steps = std::size_t{1} << steps_bits;
        if (bucket < 2 * steps) {
            return bucket;
        }
        const auto shift = static_cast<unsigned>(bucket / steps) - 1;
        return ((std::uint64_t{bucket % steps + steps} + 1) << shift) - 1;
    }

    std::array<std::uint32_t, buckets> counts_{};
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t most_ = 0;
};

}  // namespace kidney::lab
