/// What an entry of /proc is called by those who make it up.
#pragma once

#include "kidney/core/text.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace kidney::fs {

/// Names an entry of /proc; the inode number is made of it.
struct ProcId {
    enum class Kind : std::uint8_t {
        root,
        directory,         ///< registered
        file,              ///< registered
        fixed_link,        ///< registered
        self,              ///< the link to the reader's own directory
        thread_self,       ///< the same for its thread
        process,           ///< the directory of `pid`
        text,              ///< `number` is an index of process_texts
        link,              ///< `number` is a ProcessLink
        descriptors,       ///< the directory fd
        descriptor,        ///< `number` is the descriptor
        descriptor_texts,  ///< the directory fdinfo
        descriptor_text,   ///< `number` is the descriptor
        tasks,             ///< the directory task
        task,              ///< the directory of thread `pid`, of the process `number`
    };
    Kind kind = Kind::root;
    std::uint32_t pid = 0;  ///< of a process or a thread
    std::uint32_t number = 0;

    /// 32 bits, which is all that programs with the old stat(2) have room for: 15 of the process, 5
    /// of the kind, 12 of the number.
    [[nodiscard]] constexpr std::uint32_t inode() const noexcept {
        return pid << 17 | std::uint32_t{static_cast<std::uint8_t>(kind)} << 12 |
               ((number + 1U) & 0xfffU);
    }
    friend constexpr bool operator==(const ProcId&, const ProcId&) noexcept = default;
};

/// Decimal without sign and leading zeros, below 2^24: what process and descriptor names look like.
[[nodiscard]] constexpr std::optional<std::uint32_t> parse_number(std::string_view text) noexcept {
    if (text.starts_with('0') && text.size() > 1) {
        return std::nullopt;
    }
    const auto value = parse_decimal(text);
    return value && *value < (1U << 24) ? value : std::nullopt;
}

}  // namespace kidney::fs
