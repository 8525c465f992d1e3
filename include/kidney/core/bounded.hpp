/// Lists and texts of bounded length, in place: for code that runs before there is a heap.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace kidney {

/// At most N elements in place; push() says whether there was room.
template <class T, std::size_t N>
class BoundedList {
public:
    constexpr bool push(const T& value) noexcept {
        if (size_ == N) {
            return false;
        }
        items_[size_++] = value;
        return true;
    }
    [[nodiscard]] constexpr std::span<const T> view() const noexcept {
        return {items_.data(), size_};
    }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }

private:
    std::array<T, N> items_{};
    std::size_t size_ = 0;
};

/// A copied string; what does not fit is cut.
template <std::size_t N>
class BoundedText {
public:
    constexpr void assign(std::string_view text) noexcept {
        size_ = 0;
        append(text);
    }
    constexpr void append(std::string_view text) noexcept {
        for (std::size_t i = 0; i < text.size() && size_ < N; ++i) {
            data_[size_++] = text[i];
        }
    }
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {data_.data(), size_}; }

private:
    std::array<char, N> data_{};
    std::size_t size_ = 0;
};

}  // namespace kidney
