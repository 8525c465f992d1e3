/// The CRC-32 with Castagnoli's polynomial (RFC 3720, appendix B.4), eight bytes at a time.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs::kfs {

/// Of bytes that come in pieces.
class Crc32c {
public:
    void add(std::span<const std::byte> bytes) noexcept {
        std::size_t at = 0;
        for (; at + 8 <= bytes.size(); at += 8) {
            std::uint32_t low = 0, high = 0;
            std::memcpy(&low, bytes.data() + at, 4);
            std::memcpy(&high, bytes.data() + at + 4, 4);
            low ^= state_;
            state_ = tables[7][low & 0xFFU] ^ tables[6][low >> 8 & 0xFFU] ^
                     tables[5][low >> 16 & 0xFFU] ^ tables[4][low >> 24] ^ tables[3][high & 0xFFU] ^
                     tables[2][high >> 8 & 0xFFU] ^ tables[1][high >> 16 & 0xFFU] ^
                     tables[0][high >> 24];
        }
        for (; at < bytes.size(); ++at) {
            state_ = tables[0][(state_ ^ std::to_integer<std::uint32_t>(bytes[at])) & 0xFFU] ^
                     state_ >> 8;
        }
    }
    template <class T>
    void add_value(const T& value) noexcept {
        add(std::as_bytes(std::span(&value, 1)));
    }
    [[nodiscard]] std::uint32_t value() const noexcept { return ~state_; }

private:
    static_assert(std::endian::native == std::endian::little, "words are read as they lie");
    using Tables = std::array<std::array<std::uint32_t, 256>, 8>;
    /// tables[n][b]: what byte b does to the state n bytes later.
    static constexpr Tables tables = [] {
        Tables result{};
        for (std::uint32_t n = 0; n < 256; ++n) {
            std::uint32_t value = n;
            for (int bit = 0; bit < 8; ++bit) {
                value = (value & 1U) != 0 ? 0x82F6'3B78U ^ value >> 1 : value >> 1;
            }
            result[0][n] = value;
        }
        for (std::size_t later = 1; later < result.size(); ++later) {
            for (std::size_t n = 0; n < 256; ++n) {
                const std::uint32_t before = result[later - 1][n];
                result[later][n] = result[0][before & 0xFFU] ^ before >> 8;
            }
        }
        return result;
    }();
    std::uint32_t state_ = ~0U;
};

}  // namespace kidney::fs::kfs
