/// Pieces of text without exceptions: `std::string_view::substr` throws, and a kernel cannot.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace kidney {

/// The part of `text` from `first` on, at most `count` characters; clipped to what there is.
[[nodiscard]] constexpr std::string_view slice(
    std::string_view text, std::size_t first, std::size_t count = std::string_view::npos) noexcept {
    first = std::min(first, text.size());
    return {text.data() + first, std::min(count, text.size() - first)};
}

}  // namespace kidney
