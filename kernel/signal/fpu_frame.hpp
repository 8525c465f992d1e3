/// The FPU's part of a signal frame: the same x87 registers twice, as FXSAVE writes them and in the
/// older layout of FNSAVE. Programs read and mend the older one, so on the way back it counts; what
/// only FXSAVE has (MXCSR, SSE) comes from the other.
#pragma once

#include "kernel/signal/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::kernel {

/// An FXSAVE image (Intel SDM volume 1, 10.5.1).
using FxsaveImage = std::span<std::byte, 512>;
using ConstFxsaveImage = std::span<const std::byte, 512>;

namespace fxsave {
inline constexpr std::size_t control_at = 0, status_at = 2, tags_at = 4, opcode_at = 6,
                             instruction_at = 8, code_segment_at = 12, operand_at = 16,
                             data_segment_at = 20, registers_at = 32;
inline constexpr std::size_t register_stride = 16, register_size = 10;
inline constexpr unsigned registers = 8;

template <class T>
[[nodiscard]] T get(ConstFxsaveImage image, std::size_t at) noexcept {
    T value;
    std::memcpy(&value, image.data() + at, sizeof value);
    return value;
}
template <class T>
void put(FxsaveImage image, std::size_t at, T value) noexcept {
    std::memcpy(image.data() + at, &value, sizeof value);
}

/// The two tag bits of FNSAVE for a register in use: 0 a number, 1 zero, 2 anything else.
[[nodiscard]] inline std::uint32_t tag_of(ConstFxsaveImage image, unsigned stack_index) noexcept {
    const std::size_t at = registers_at + stack_index * register_stride;
    const auto mantissa = get<std::uint64_t>(image, at);
    const std::uint32_t exponent = get<std::uint16_t>(image, at + 8) & 0x7fffU;
    const bool is_normal = mantissa >> 63 != 0;
    if (exponent == 0 && mantissa == 0) {
        return 1;
    }
    return exponent != 0 && exponent != 0x7fff && is_normal ? 0 : 2;
}
}  // namespace fxsave

/// Fills the older layout. `to.status` and `to.magic` are the caller's.
inline void fill_x87(X87State& to, ConstFxsaveImage image) noexcept {
    using namespace fxsave;
    constexpr std::uint32_t upper = 0xffff'0000;  // reserved, all ones
    const auto status = get<std::uint16_t>(image, status_at);
    const auto in_use = get<std::uint8_t>(image, tags_at);
    const unsigned top = status >> 11 & 7U;
    std::uint32_t tags = ~std::uint32_t{0};  // empty is 3
    if (in_use != 0) {
        // Tags are by register, values by place on the stack.
        for (unsigned i = 0; i < registers; ++i) {
            if ((in_use >> i & 1U) != 0) {
                tags ^= (3U ^ tag_of(image, (i - top) % registers)) << 2 * i;
            }
        }
    }
    to.cw = upper | get<std::uint16_t>(image, control_at);
    to.sw = upper | status;
    to.tag = tags;
    to.ipoff = get<std::uint32_t>(image, instruction_at);
    to.cssel = get<std::uint16_t>(image, code_segment_at) |
               std::uint32_t{get<std::uint16_t>(image, opcode_at)} << 16;
    to.dataoff = get<std::uint32_t>(image, operand_at);
    to.datasel = upper | get<std::uint16_t>(image, data_segment_at);
    for (unsigned i = 0; i < registers; ++i) {
        std::memcpy(&to.st[i * register_size], image.data() + registers_at + i * register_stride,
                    register_size);
    }
}

/// The other way round.
inline void take_x87(FxsaveImage image, const X87State& from) noexcept {
    using namespace fxsave;
    constexpr std::uint32_t all_empty = 0xffff;
    std::uint8_t in_use = 0;
    if ((from.tag & all_empty) != all_empty) {
        for (unsigned i = 0; i < registers; ++i) {
            const bool is_used = (from.tag >> 2 * i & 3U) != 3;
            in_use = static_cast<std::uint8_t>(in_use | (is_used ? 1U << i : 0));
        }
    }
    put(image, control_at, static_cast<std::uint16_t>(from.cw));
    put(image, status_at, static_cast<std::uint16_t>(from.sw));
    put(image, tags_at, in_use);
    put(image, opcode_at, static_cast<std::uint16_t>(from.cssel >> 16));
    put(image, instruction_at, from.ipoff);
    put(image, code_segment_at, static_cast<std::uint16_t>(from.cssel));
    put(image, operand_at, from.dataoff);
    put(image, data_segment_at, static_cast<std::uint16_t>(from.datasel));
    for (unsigned i = 0; i < registers; ++i) {
        std::memcpy(image.data() + registers_at + i * register_stride, &from.st[i * register_size],
                    register_size);
    }
}

}  // namespace kidney::kernel
