/// Whole pages cleared and copied, as fast as this processor can.
#pragma once

#include "arch/i686/context/fpu.hpp"
#include "kidney/core/address.hpp"

#include <cstddef>
#include <cstring>
#include <span>

namespace kidney::arch {

namespace detail {
extern "C" {
void clear_page_sse(void* page) noexcept;
void copy_page_sse(void* to, const void* from) noexcept;
}
}  // namespace detail

/// Any context. With SSE interrupts are off for the length of a page, and the program's registers
/// are as they were afterwards.
struct Pages {
    static void clear(std::span<std::byte, page_size> page) noexcept {
        if (has_sse()) [[likely]] {
            detail::clear_page_sse(page.data());
        } else {
            std::memset(page.data(), 0, page_size);
        }
    }
    /// They do not overlap.
    static void copy(std::span<std::byte, page_size> to,
                     std::span<const std::byte, page_size> from) noexcept {
        if (has_sse()) [[likely]] {
            detail::copy_page_sse(to.data(), from.data());
        } else {
            std::memcpy(to.data(), from.data(), page_size);
        }
    }
};

}  // namespace kidney::arch
