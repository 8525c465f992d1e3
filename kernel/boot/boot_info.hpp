/// What the boot loader told us, as a value: nothing here points into the loader's memory, which is
/// ordinary RAM afterwards.
#pragma once

#include "kidney/core/address.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::kernel {

/// At most N elements in place; push() says whether there was room.
template <class T, std::size_t N>
class BoundedList {
public:
    constexpr bool push(const T& value) noexcept {
        if (size_ == N) {
            return false;
        }
        items_[size_++] = value;
        return true;
    }
    [[nodiscard]] constexpr std::span<const T> view() const noexcept {
        return {items_.data(), size_};
    }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }

private:
    std::array<T, N> items_{};
    std::size_t size_ = 0;
};

/// A copied string; what does not fit is cut.
template <std::size_t N>
class BoundedText {
public:
    constexpr void assign(std::string_view text) noexcept {
        size_ = 0;
        append(text);
    }
    constexpr void append(std::string_view text) noexcept {
        for (std::size_t i = 0; i < text.size() && size_ < N; ++i) {
            data_[size_++] = text[i];
        }
    }
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {data_.data(), size_}; }

private:
    std::array<char, N> data_{};
    std::size_t size_ = 0;
};

enum class MemoryKind : std::uint8_t { usable, reserved, acpi_reclaimable, acpi_nvs, bad };

/// A piece of the physical address space. 64 bits: a PC may have memory that we cannot use.
struct MemoryRegion {
    std::uint64_t start = 0;
    std::uint64_t size = 0;
    MemoryKind kind = MemoryKind::reserved;
};

/// A file that the boot loader loaded for us, with its command line.
struct BootModule {
    PhysAddr start;
    std::uint32_t size = 0;
    BoundedText<64> name;
};

struct BootInfo {
    BoundedList<MemoryRegion, 64>
        memory;  ///< as the loader gave it: unsorted, possibly overlapping
    BoundedList<BootModule, 8> modules;
    BoundedText<1024> command_line;
    BoundedText<64> loader;
    std::array<std::byte, 36> rsdp{};  ///< a copy of ACPI's root pointer
    std::size_t rsdp_size = 0;         ///< 20 (ACPI 1), 36 (later) or 0: none
};

}  // namespace kidney::kernel
