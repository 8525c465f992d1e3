/// Which levels are in use: a bitmap in two steps, so that the highest is found by two instructions
/// that count zeros, however many levels there are.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace kidney::sched {

/// Up to 1024 levels. Cost: O(1) for every call, no loop and no branch.
/// WHY words of 32 bits: a shift of 64 is four instructions on i686.
template <unsigned levels>
class LevelSet {
public:
    static_assert(levels % 32 == 0 && levels <= 1024);

    void insert(unsigned level) noexcept {
        words_[level / 32] |= 1U << level % 32;
        words_in_use_ |= 1U << level / 32;
    }
    void erase(unsigned level) noexcept {
        std::uint32_t& word = words_[level / 32];
        word &= ~(1U << level % 32);
        words_in_use_ &= ~((word == 0 ? 1U : 0U) << level / 32);
    }
    [[nodiscard]] bool contains(unsigned level) const noexcept {
        return (words_[level / 32] >> level % 32 & 1U) != 0;
    }
    [[nodiscard]] bool has_above(unsigned level) const noexcept {
        return (words_[level / 32] >> level % 32) > 1 || (words_in_use_ >> level / 32) > 1;
    }
    /// There must be one.
    [[nodiscard]] unsigned highest() const noexcept {
        const unsigned word = last_bit(words_in_use_);
        return word * 32 + last_bit(words_[word]);
    }

private:
    [[nodiscard]] static unsigned last_bit(std::uint32_t word) noexcept {
        return 31U ^ static_cast<unsigned>(std::countl_zero(word));
    }
    std::array<std::uint32_t, levels / 32> words_{};
    std::uint32_t words_in_use_ = 0;  ///< bit n: words_[n] is not zero
};

}  // namespace kidney::sched
