/// Text taken apart without exceptions: `std::string_view::substr` throws, and a kernel cannot.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kidney {

/// The part of `text` from `first` on, at most `count` characters; clipped to what there is.
[[nodiscard]] constexpr std::string_view slice(
    std::string_view text, std::size_t first, std::size_t count = std::string_view::npos) noexcept {
    first = std::min(first, text.size());
    return {text.data() + first, std::min(count, text.size() - first)};
}

/// A decimal number of one to nine digits and nothing else; nullopt otherwise.
[[nodiscard]] constexpr std::optional<std::uint32_t> parse_decimal(std::string_view text) noexcept {
    constexpr std::size_t most_digits = 9;  // they always fit
    if (text.empty() || text.size() > most_digits) {
        return std::nullopt;
    }
    std::uint32_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return value;
}

}  // namespace kidney
