/// The options of a mount of type 9p.
#pragma once

#include "fs/p9/format.hpp"
#include "fs/vfs/mount_options.hpp"
#include "kidney/core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace kidney::fs {

struct P9Options {
    std::size_t most_bytes = std::numeric_limits<std::size_t>::max();  ///< of a message
};

/// What others call it is taken if it is what we do. Error: invalid_argument.
[[nodiscard]] inline Result<P9Options> parse_p9_options(std::string_view text) noexcept {
    P9Options options;
    TRY(for_each_option(text, [&](const MountOption& option) noexcept -> Status {
        if (option.name == "msize") {
            const std::uint64_t size = TRY(option_number(option.value));
            options.most_bytes = static_cast<std::size_t>(
                std::min<std::uint64_t>(size, std::numeric_limits<std::uint32_t>::max()));
            return size < p9::smallest_size ? Status(fail(Errc::invalid_argument)) : Status();
        }
        const bool is_known = (option.name == "trans" && option.value == "virtio") ||
                              (option.name == "version" && option.value == "9p2000.L") ||
                              (option.name == "cache" && option.value == "none") ||
                              (option.name == "access" && option.value == "any");
        return is_known ? Status() : Status(fail(Errc::invalid_argument));
    }));
    return options;
}

}  // namespace kidney::fs
