/// Characters between an interrupt handler, which must not wait, and a reader, which may.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kidney::drivers {

/// Holds at most N characters. What does not fit is dropped, counted, and never half of a push():
/// an escape sequence arrives whole or not at all. Concurrency: none, the owner's lock.
template <std::size_t N>
class InputQueue {
public:
    constexpr bool push(std::string_view text) noexcept {
        if (text.size() > N - size_) {
            dropped_ += text.size();
            return false;
        }
        for (const char c : text) {
            data_[(first_ + size_++) % N] = c;
        }
        return true;
    }
    [[nodiscard]] constexpr std::optional<char> pop() noexcept {
        if (size_ == 0) {
            return std::nullopt;
        }
        const char c = data_[first_];
        first_ = (first_ + 1) % N;
        --size_;
        return c;
    }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr std::uint64_t dropped() const noexcept { return dropped_; }

private:
    std::array<char, N> data_{};
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace kidney::drivers
