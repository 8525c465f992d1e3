/// The CRC-32 of IEEE 802.3, as GPT and many others use it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// Of bytes that come in pieces.
class Crc32 {
public:
    constexpr void add(std::span<const std::byte> bytes) noexcept {
        for (const std::byte b : bytes) {
            state_ = table[(state_ ^ std::to_integer<std::uint32_t>(b)) & 0xFFU] ^ state_ >> 8;
        }
    }
    [[nodiscard]] constexpr std::uint32_t value() const noexcept { return ~state_; }

private:
    static constexpr std::array<std::uint32_t, 256> table = [] {
        std::array<std::uint32_t, 256> result{};
        for (std::uint32_t n = 0; n < result.size(); ++n) {
            std::uint32_t value = n;
            for (int bit = 0; bit < 8; ++bit) {
                value = (value & 1U) != 0 ? 0xEDB8'8320U ^ value >> 1 : value >> 1;
            }
            result[n] = value;
        }
        return result;
    }();
    std::uint32_t state_ = ~0U;
};

}  // namespace kidney::fs
