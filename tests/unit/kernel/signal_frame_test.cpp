/// Signal frames: where they stand, and their x87 registers in both layouts; errors by number.
#include "kernel/signal/fpu_frame.hpp"
#include "kernel/signal/frame.hpp"
#include "kernel/syscall/errno_map.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

namespace kidney::kernel {
namespace {

using Image = std::array<std::byte, 512>;

/// A stack of five: its top is register 3, and each value is of another kind.
Image five_values() {
    struct Value {
        std::uint64_t mantissa;
        std::uint16_t exponent;
    };
    constexpr std::uint64_t one = std::uint64_t{1} << 63;
    constexpr Value values[] = {
        {one | 0x4910'fdaa'2216'8c23, 0x4000},  // a number
        {0, 0x8000},                            // -0
        {one, 0x7fff},                          // infinity
        {1, 0},                                 // denormal
        {one, 0xbfff},                          // -1
    };
    Image image{};
    fxsave::put<std::uint16_t>(image, fxsave::control_at, 0x37b);
    fxsave::put<std::uint16_t>(image, fxsave::status_at, 3U << 11 | 0x8084);
    fxsave::put<std::uint8_t>(image, fxsave::tags_at, 0b1111'1000);
    fxsave::put<std::uint16_t>(image, fxsave::opcode_at, 0x6f9);
    fxsave::put<std::uint32_t>(image, fxsave::instruction_at, 0x0804'9123);
    fxsave::put<std::uint16_t>(image, fxsave::code_segment_at, 0x73);
    fxsave::put<std::uint32_t>(image, fxsave::operand_at, 0xbfff'0010);
    fxsave::put<std::uint16_t>(image, fxsave::data_segment_at, 0x7b);
    std::size_t at = fxsave::registers_at;
    for (const Value& v : values) {
        fxsave::put(image, at, v.mantissa);
        fxsave::put(image, at + 8, v.exponent);
        at += fxsave::register_stride;
    }
    return image;
}

TEST(FpuFrame, OldProgramsFindTheRegistersWhereFnsavePutsThem) {
    const Image image = five_values();
    FpState state{};
    fill_x87(state, image);
    EXPECT_EQ(state.cw, 0xffff'037bU);
    EXPECT_EQ(state.sw, 0xffff'9884U);
    // From register 7 down: -1 is a number, then special, special, zero, number, and three empty.
    EXPECT_EQ(state.tag, 0xffff'0000U | 0b00'10'10'01'00'11'11'11U);
    EXPECT_EQ(state.ipoff, 0x0804'9123U);
    EXPECT_EQ(state.cssel, 0x06f9'0073U);
    EXPECT_EQ(state.dataoff, 0xbfff'0010U);
    EXPECT_EQ(state.datasel, 0xffff'007bU);
    EXPECT_TRUE(
        std::ranges::equal(std::as_bytes(std::span(state.st)).first(10),
                           std::span(image).subspan(fxsave::registers_at, fxsave::register_size)));
}

TEST(FpuFrame, WhatTheHandlerChangesInTheOldLayoutCounts) {
    Image image = five_values();
    FpState state{};
    fill_x87(state, image);
    state.cw |= 0x3f;
    state.sw &= ~0x80ffU;
    state.tag |= 3U << 6;  // register 3 is empty now
    take_x87(image, state);
    EXPECT_EQ(fxsave::get<std::uint16_t>(image, fxsave::control_at), 0x37f);
    EXPECT_EQ(fxsave::get<std::uint16_t>(image, fxsave::status_at), 3U << 11);
    EXPECT_EQ(fxsave::get<std::uint8_t>(image, fxsave::tags_at), 0b1111'0000);
}

TEST(FpuFrame, ThereAndBackIsTheSame) {
    const Image before = five_values();
    FpState state{};
    fill_x87(state, before);
    Image after{};
    take_x87(after, state);
    EXPECT_EQ(before, after);
}

TEST(SignalFrame, HandlerIsEnteredWithAnAlignedStack) {
    for (std::uint32_t sp = 0xbfff'f000; sp < 0xbfff'f020; ++sp) {
        const std::uint32_t frame = place_frame(sp, sizeof(SignalFrame));
        EXPECT_EQ((frame + 4) % 16, 0U);
        EXPECT_LE(frame + sizeof(SignalFrame), sp);
        EXPECT_EQ((place_fpstate(sp) + sizeof(X87State)) % 16, 0U);
    }
}

TEST(ErrnoMap, KnowsTheNumbersOfLinux) {
    EXPECT_EQ(errno_of(Errc::not_permitted), 1);
    EXPECT_EQ(errno_of(Errc::not_implemented), 38);
    EXPECT_EQ(errno_of(Errc::not_a_terminal), 25);
    EXPECT_EQ(errno_of(Errc::too_many_symlinks), 40);
}

TEST(ErrnoMap, TellsProgramsEachErrorByANumberOfItsOwn) {
    constexpr std::int32_t last_of_linux = 133;
    std::map<std::int32_t, Errc> seen;
    for (auto n = std::uint8_t{0}; n < static_cast<std::uint8_t>(Errc::restart); ++n) {
        const auto error = static_cast<Errc>(n);
        const std::int32_t number = errno_of(error);
        EXPECT_TRUE(number > 0 && number <= last_of_linux) << int{n};
        EXPECT_TRUE(seen.emplace(number, error).second) << int{n} << " and another are " << number;
    }
    EXPECT_GT(errno_of(Errc::restart), last_of_linux) << "which no program ever sees";
}

}  // namespace
}  // namespace kidney::kernel
