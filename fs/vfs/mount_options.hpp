/// The options of a mount as text: "size=1m,mode=700", what mount(8) passes on after -o.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/core/text.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace kidney::fs {

/// One option: `value` is empty and `has_value` false without a '='.
struct MountOption {
    std::string_view name, value;
    bool has_value = false;
    std::string_view text{};  ///< all of it
};

/// Calls use(MountOption) -> Status for each option until one fails; empty ones are passed over.
template <class Use>
[[nodiscard]] Status for_each_option(std::string_view text, Use&& use) noexcept {
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view one = slice(text, 0, comma);
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
        if (one.empty()) {
            continue;
        }
        const std::size_t equals = one.find('=');
        const bool has_value = equals != std::string_view::npos;
        TRY(use(MountOption{slice(one, 0, equals),
                            has_value ? slice(one, equals + 1) : std::string_view(), has_value,
                            one}));
    }
    return {};
}

/// The whole of `text` as a number in `base` (8 or 10). Error: invalid_argument (none, or too
/// large).
[[nodiscard]] constexpr Result<std::uint64_t> option_number(std::string_view text,
                                                            std::uint32_t base = 10) noexcept {
    std::uint64_t value = 0;
    for (const char c : text) {
        const auto digit = static_cast<std::uint32_t>(c - '0');
        if (digit >= base || value > (std::numeric_limits<std::uint64_t>::max() - digit) / base) {
            return fail(Errc::invalid_argument);
        }
        value = value * base + digit;
    }
    return text.empty() ? Result<std::uint64_t>(fail(Errc::invalid_argument)) : value;
}

/// A number of bytes with k, m or g behind it, or a share of `whole` with %. Error:
/// invalid_argument.
[[nodiscard]] constexpr Result<std::uint64_t> option_size(std::string_view text,
                                                          std::uint64_t whole) noexcept {
    if (text.empty()) {
        return fail(Errc::invalid_argument);
    }
    unsigned shift = 0;
    bool is_share = false;
    switch (text.back()) {
        case 'g':
        case 'G':
            shift += 10;
            [[fallthrough]];
        case 'm':
        case 'M':
            shift += 10;
            [[fallthrough]];
        case 'k':
        case 'K':
            shift += 10;
            break;
        case '%':
            is_share = true;
            break;
        default:
            return option_number(text);
    }
    text.remove_suffix(1);
    const std::uint64_t number = TRY(option_number(text));
    if (is_share) {
        constexpr std::uint64_t hundred = 100;
        constexpr std::uint64_t most = 10'000;  // a hundred times the whole
        return number <= most ? Result<std::uint64_t>(whole / hundred * number)
                              : fail(Errc::invalid_argument);
    }
    if (number > std::numeric_limits<std::uint64_t>::max() >> shift) {
        return fail(Errc::invalid_argument);
    }
    return number << shift;
}

}  // namespace kidney::fs
