/// Poison and red zones of debug heaps; nothing at all in release builds.
///
/// Poison: a freed object is filled with a pattern that must still be there when it is handed out
/// again. Only its first bytes, past the free-list link, so that large objects stay cheap. Red
/// zone: bytes behind each object that must be untouched when it is freed.
#pragma once

#include "kidney/core/assert.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace kidney::mm {

#ifdef KIDNEY_DEBUG

inline constexpr std::size_t red_zone_bytes = 8;
inline constexpr std::byte red_zone_pattern{0xFD};
inline constexpr std::byte poison_pattern{0xDD};
inline constexpr std::size_t poison_limit = 128;  ///< bytes from the start of the object

inline void fence(void* object, std::size_t bytes) noexcept {
    std::memset(static_cast<std::byte*>(object) + bytes, std::to_integer<int>(red_zone_pattern),
                red_zone_bytes);
}
inline void check_fence(const void* object, std::size_t bytes) noexcept {
    const auto* zone = static_cast<const std::byte*>(object) + bytes;
    KIDNEY_INVARIANT(
        std::all_of(zone, zone + red_zone_bytes, [](std::byte b) { return b == red_zone_pattern; }),
        "heap: written past the end, freed twice or with the wrong size");
}
inline void poison(void* object, std::size_t bytes) noexcept {
    std::memset(object, std::to_integer<int>(poison_pattern), std::min(bytes, poison_limit));
}
inline void check_poison(const void* object, std::size_t bytes) noexcept {
    const auto* first = static_cast<const std::byte*>(object);
    KIDNEY_INVARIANT(std::all_of(first + sizeof(void*), first + std::min(bytes, poison_limit),
                                 [](std::byte b) { return b == poison_pattern; }),
                     "heap: written after free");
}

#else

inline constexpr std::size_t red_zone_bytes = 0;
inline void fence(void*, std::size_t) noexcept {}
inline void check_fence(const void*, std::size_t) noexcept {}
inline void poison(void*, std::size_t) noexcept {}
inline void check_poison(const void*, std::size_t) noexcept {}

#endif

}  // namespace kidney::mm
