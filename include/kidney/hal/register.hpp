/// Device registers as types: what the bits mean, and where the register sits.
///
///     struct LineStatus : hal::Register<LineStatus, std::uint8_t> {
///         using TxEmpty = hal::Field<LineStatus, 5, 5, bool>;  // bits high..low, as in data
///         sheets
///     };
///     using Lsr = hal::At<LineStatus, 5, hal::ReadOnly>;       // writing it does not compile
///     if (Lsr::read(io, base).get<LineStatus::TxEmpty>()) ...
///
/// A register value is a snapshot: read whole, change fields, write whole.
#pragma once

#include "kidney/hal/port_io.hpp"

#include <concepts>
#include <cstdint>

namespace kidney::hal {

/// Bits high..low of register `R`, seen as a `T`.
template <class R, unsigned High, unsigned Low, class T>
struct Field {
    static_assert(High >= Low);
    using Owner = R;
    using Value = T;
    static constexpr unsigned shift = Low;
    static constexpr std::uint32_t mask =
        ((High - Low == 31) ? ~0U : ((1U << (High - Low + 1)) - 1)) << Low;
};

/// Snapshot of a register of `Raw` width.
template <class Self, std::unsigned_integral Raw_>
struct Register {
    using Raw = Raw_;
    Raw raw = 0;

    [[nodiscard]] static constexpr Self from(Raw value) noexcept {
        Self self{};
        self.raw = value;
        return self;
    }
    template <class F>
        requires std::same_as<typename F::Owner, Self>
    [[nodiscard]] constexpr typename F::Value get() const noexcept {
        return static_cast<typename F::Value>((raw & F::mask) >> F::shift);
    }
    template <class F>
        requires std::same_as<typename F::Owner, Self>
    [[nodiscard]] constexpr Self with(typename F::Value value) const noexcept {
        const auto bits = (static_cast<std::uint32_t>(value) << F::shift) & F::mask;
        return from(static_cast<Raw>((raw & ~F::mask) | bits));
    }
};

struct ReadOnly {
    static constexpr bool readable = true;
    static constexpr bool writable = false;
};
struct WriteOnly {
    static constexpr bool readable = false;
    static constexpr bool writable = true;
};
struct ReadWrite {
    static constexpr bool readable = true;
    static constexpr bool writable = true;
};

/// Placement of register `R` at `Offset` ports from a device's base, with its rights.
template <class R, std::uint16_t Offset, class Access>
struct At {
    template <PortIo Io>
        requires Access::readable
    [[nodiscard]] static R read(Io& io, std::uint16_t base) noexcept {
        const auto port = static_cast<std::uint16_t>(base + Offset);
        if constexpr (sizeof(typename R::Raw) == 1) {
            return R::from(io.read8(port));
        } else if constexpr (sizeof(typename R::Raw) == 2) {
            return R::from(io.read16(port));
        } else {
            return R::from(io.read32(port));
        }
    }
    template <PortIo Io>
        requires Access::writable
    static void write(Io& io, std::uint16_t base, R value) noexcept {
        const auto port = static_cast<std::uint16_t>(base + Offset);
        if constexpr (sizeof(typename R::Raw) == 1) {
            io.write8(port, value.raw);
        } else if constexpr (sizeof(typename R::Raw) == 2) {
            io.write16(port, value.raw);
        } else {
            io.write32(port, value.raw);
        }
    }
};

}  // namespace kidney::hal
