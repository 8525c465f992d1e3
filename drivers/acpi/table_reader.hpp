/// Bounds-checked access to one ACPI table.
#pragma once

#include "drivers/acpi/acpi.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace kidney::drivers::acpi {

inline constexpr std::uint32_t header_size = 36;
/// The largest table that is believed; real DSDTs have up to some hundred KiB.
inline constexpr std::uint32_t max_table_size = 1U << 20;

using Signature = std::array<char, 4>;

/// A table whose header made sense and whose bytes add up to 0.
template <PhysicalReader Reader>
class Table {
public:
    /// nullopt: unreadable, of an impossible length, or with a wrong checksum.
    [[nodiscard]] static std::optional<Table> open(Reader& reader, PhysAddr address) noexcept {
        Table t(reader, address, header_size);
        t.size_ = t.template get<std::uint32_t>(4);
        if (!t.ok_ || t.size_ < header_size || t.size_ > max_table_size ||
            address.value() + t.size_ < address.value() || !t.adds_up()) {
            return std::nullopt;
        }
        return t;
    }

    [[nodiscard]] Signature signature() noexcept { return get<Signature>(0); }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

    /// The value at `offset`; zero if it does not lie in the table.
    template <class T>
    [[nodiscard]] T get(std::uint32_t offset) noexcept {
        T value{};
        if (offset > size_ || size_ - offset < sizeof(T)) {
            return value;
        }
        std::array<std::byte, sizeof(T)> bytes{};
        if (!reader_->read(address_ + offset, bytes)) {
            ok_ = false;
            return value;
        }
        std::memcpy(&value, bytes.data(), sizeof(T));
        return value;
    }
    /// Copies as much of the table from `offset` on as fits; returns how much.
    std::uint32_t copy(std::uint32_t offset, std::span<std::byte> to) noexcept {
        if (offset >= size_) {
            return 0;
        }
        const auto length =
            std::min<std::uint32_t>(size_ - offset, static_cast<std::uint32_t>(to.size()));
        return reader_->read(address_ + offset, to.first(length)) ? length : 0;
    }

private:
    Table(Reader& reader, PhysAddr address, std::uint32_t size) noexcept
        : reader_(&reader), address_(address), size_(size) {}

    bool adds_up() noexcept {
        std::array<std::byte, 256> piece;
        std::uint8_t sum = 0;
        for (std::uint32_t at = 0; at < size_;) {
            const std::uint32_t length = copy(at, piece);
            if (length == 0) {
                return false;
            }
            for (std::uint32_t i = 0; i < length; ++i) {
                sum = static_cast<std::uint8_t>(sum + static_cast<std::uint8_t>(piece[i]));
            }
            at += length;
        }
        return sum == 0;
    }

    Reader* reader_;
    PhysAddr address_;
    std::uint32_t size_;
    bool ok_ = true;
};

}  // namespace kidney::drivers::acpi
