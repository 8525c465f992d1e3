/// The type bits of st_mode (S_IF*); the C library's headers hide the kernel's.
#pragma once

#include <cstdint>

namespace kidney::abi {

inline constexpr std::uint32_t mode_type_mask = 0170000;
inline constexpr std::uint32_t mode_fifo = 0010000;
inline constexpr std::uint32_t mode_character = 0020000;
inline constexpr std::uint32_t mode_directory = 0040000;
inline constexpr std::uint32_t mode_block = 0060000;
inline constexpr std::uint32_t mode_regular = 0100000;
inline constexpr std::uint32_t mode_symlink = 0120000;
inline constexpr std::uint32_t mode_socket = 0140000;

}  // namespace kidney::abi
