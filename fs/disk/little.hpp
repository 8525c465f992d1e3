/// Numbers as disks have them: little-endian, at any offset.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs {

/// A little-endian number without alignment.
template <class T>
class Little {
public:
    [[nodiscard]] constexpr operator T() const noexcept {
        T value = 0;
        for (std::size_t i = sizeof(T); i-- > 0;) {
            if constexpr (sizeof(T) > 1) {
                value = static_cast<T>(value << 8U);
            }
            value = static_cast<T>(value | std::to_integer<T>(raw_[i]));
        }
        return value;
    }
    constexpr Little& operator=(T value) noexcept {
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            raw_[i] = static_cast<std::byte>(value >> (8 * i));
        }
        return *this;
    }

private:
    std::array<std::byte, sizeof(T)> raw_;
};
using Le8 = Little<std::uint8_t>;
using Le16 = Little<std::uint16_t>;
using Le32 = Little<std::uint32_t>;

/// The structure at `offset`, which the caller has checked to lie inside.
template <class T>
[[nodiscard]] T load(std::span<const std::byte> bytes, std::size_t offset) noexcept {
    static_assert(alignof(T) == 1);
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}
/// Puts it there.
template <class T>
void save(std::span<std::byte> bytes, std::size_t offset, const T& value) noexcept {
    static_assert(alignof(T) == 1);
    std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

}  // namespace kidney::fs
