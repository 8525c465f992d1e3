/// Addresses, frames and pages as types that do not mix.
///
/// Both address types are 32 bits wide in *both* worlds: on the host a `PhysAddr` is an offset into
/// `sim::RamArena` and a `VirtAddr` belongs to a simulated address space, so the same paging code
/// is tested bit for bit. Nothing here can be dereferenced: physical memory is reached through
/// `hal::PhysMap`, user memory through `hal::UserMemory`.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace kidney {

inline constexpr std::uint32_t page_shift = 12;
inline constexpr std::uint32_t page_size = 1U << page_shift;  ///< bytes
inline constexpr std::uint32_t page_mask = page_size - 1;

/// Address +- offset and address - address; nothing else. `Tag` keeps the kinds apart.
template <class Tag>
class Address {
public:
    constexpr Address() noexcept = default;
    explicit constexpr Address(std::uint32_t value) noexcept : value_(value) {}

    [[nodiscard]] constexpr std::uint32_t value() const noexcept { return value_; }
    [[nodiscard]] constexpr bool is_page_aligned() const noexcept {
        return (value_ & page_mask) == 0;
    }
    [[nodiscard]] constexpr std::uint32_t page_offset() const noexcept {
        return value_ & page_mask;
    }
    [[nodiscard]] constexpr Address page_base() const noexcept {
        return Address(value_ & ~page_mask);
    }
    /// Rounded up to a page; wraps to 0 in the last page, so check the range first.
    [[nodiscard]] constexpr Address page_ceiling() const noexcept {
        return Address((value_ + page_mask) & ~page_mask);
    }

    friend constexpr Address operator+(Address a, std::uint32_t n) noexcept {
        return Address(a.value_ + n);
    }
    friend constexpr Address operator-(Address a, std::uint32_t n) noexcept {
        return Address(a.value_ - n);
    }
    friend constexpr std::uint32_t operator-(Address a, Address b) noexcept {
        return a.value_ - b.value_;
    }
    constexpr Address& operator+=(std::uint32_t n) noexcept {
        value_ += n;
        return *this;
    }
    friend constexpr auto operator<=>(Address, Address) noexcept = default;

private:
    std::uint32_t value_ = 0;
};

using PhysAddr = Address<struct PhysTag>;
using VirtAddr = Address<struct VirtTag>;

/// A physical page frame: frame n covers bytes [n * page_size, (n + 1) * page_size).
class FrameNumber {
public:
    constexpr FrameNumber() noexcept = default;
    explicit constexpr FrameNumber(std::uint32_t value) noexcept : value_(value) {}
    [[nodiscard]] static constexpr FrameNumber containing(PhysAddr a) noexcept {
        return FrameNumber(a.value() >> page_shift);
    }
    [[nodiscard]] constexpr std::uint32_t value() const noexcept { return value_; }
    [[nodiscard]] constexpr PhysAddr address() const noexcept {
        return PhysAddr(value_ << page_shift);
    }
    friend constexpr FrameNumber operator+(FrameNumber a, std::uint32_t n) noexcept {
        return FrameNumber(a.value_ + n);
    }
    friend constexpr std::uint32_t operator-(FrameNumber a, FrameNumber b) noexcept {
        return a.value_ - b.value_;
    }
    friend constexpr auto operator<=>(FrameNumber, FrameNumber) noexcept = default;

private:
    std::uint32_t value_ = 0;
};

/// A block of 2^order contiguous frames. Order 0 is one 4 KiB frame, order 10 is 4 MiB.
class FrameOrder {
public:
    constexpr FrameOrder() noexcept = default;
    explicit constexpr FrameOrder(std::uint8_t value) noexcept : value_(value) {}
    [[nodiscard]] constexpr std::uint8_t value() const noexcept { return value_; }
    [[nodiscard]] constexpr std::uint32_t frames() const noexcept { return 1U << value_; }
    friend constexpr auto operator<=>(FrameOrder, FrameOrder) noexcept = default;

private:
    std::uint8_t value_ = 0;
};

/// Frames [first, first + count).
struct FrameRange {
    FrameNumber first;
    std::uint32_t count = 0;

    [[nodiscard]] constexpr FrameNumber end() const noexcept { return first + count; }
    [[nodiscard]] constexpr bool contains(FrameNumber f) const noexcept {
        return f.value() - first.value() < count;
    }
    friend constexpr bool operator==(const FrameRange&, const FrameRange&) noexcept = default;
};

/// Bytes [start, start + size) of a virtual address space; never wraps.
struct VirtRange {
    VirtAddr start;
    std::uint32_t size = 0;

    [[nodiscard]] constexpr VirtAddr end() const noexcept { return start + size; }
    [[nodiscard]] constexpr bool contains(VirtAddr a) const noexcept { return a - start < size; }
    friend constexpr bool operator==(const VirtRange&, const VirtRange&) noexcept = default;
};

/// A pointer that a user program passed. It cannot be dereferenced: only the user-copy functions
/// consume it, because only they survive a fault on it.
template <class T>
class UserPtr {
public:
    constexpr UserPtr() noexcept = default;
    explicit constexpr UserPtr(std::uint32_t value) noexcept : address_(value) {}
    explicit constexpr UserPtr(VirtAddr address) noexcept : address_(address) {}
    [[nodiscard]] constexpr VirtAddr address() const noexcept { return address_; }
    [[nodiscard]] constexpr bool is_null() const noexcept { return address_.value() == 0; }
    /// Element n of a user array.
    [[nodiscard]] constexpr UserPtr operator+(std::uint32_t n) const noexcept
        requires(!__is_void(T))
    {
        return UserPtr(address_ + n * static_cast<std::uint32_t>(sizeof(T)));
    }

private:
    VirtAddr address_;
};

}  // namespace kidney
