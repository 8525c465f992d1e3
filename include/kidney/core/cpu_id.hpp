/// CPUs as small dense numbers, and sets of them.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>

namespace kidney {

inline constexpr std::uint32_t max_cpus = 8;

/// 0 is the boot CPU; the others are numbered in the order in which they came up.
class CpuId {
public:
    constexpr CpuId() noexcept = default;
    explicit constexpr CpuId(std::uint32_t value) noexcept : value_(value) {}
    [[nodiscard]] constexpr std::uint32_t value() const noexcept { return value_; }
    friend constexpr auto operator<=>(CpuId, CpuId) noexcept = default;

private:
    std::uint32_t value_ = 0;
};

/// A set of CPUs; bit n stands for CPU n.
class CpuSet {
public:
    constexpr CpuSet() noexcept = default;
    explicit constexpr CpuSet(std::uint32_t bits) noexcept : bits_(bits) {}
    [[nodiscard]] static constexpr CpuSet first(std::uint32_t count) noexcept {
        return CpuSet((1U << count) - 1);
    }
    [[nodiscard]] static constexpr CpuSet all() noexcept { return first(max_cpus); }
    [[nodiscard]] constexpr bool contains(CpuId c) const noexcept {
        return (bits_ >> c.value() & 1U) != 0;
    }
    constexpr void insert(CpuId c) noexcept { bits_ |= 1U << c.value(); }
    constexpr void erase(CpuId c) noexcept { bits_ &= ~(1U << c.value()); }
    [[nodiscard]] constexpr std::uint32_t bits() const noexcept { return bits_; }
    [[nodiscard]] constexpr bool is_empty() const noexcept { return bits_ == 0; }
    [[nodiscard]] constexpr CpuSet in_common_with(CpuSet other) const noexcept {
        return CpuSet(bits_ & other.bits_);
    }
    /// The lowest; the set is not empty.
    [[nodiscard]] constexpr CpuId lowest() const noexcept {
        return CpuId(static_cast<std::uint32_t>(std::countr_zero(bits_)));
    }
    friend constexpr bool operator==(CpuSet, CpuSet) noexcept = default;

private:
    std::uint32_t bits_ = 0;
};

}  // namespace kidney
