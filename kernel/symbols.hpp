/// Names for addresses of kernel code, from a table in the image (tools/symbols/embed_symbols.awk).
#pragma once

#include "kidney/core/address.hpp"

#include <cstdint>
#include <string_view>

namespace kidney::kernel {

struct Symbol {
    std::string_view name;     ///< demangled; empty: not kernel code
    std::uint32_t offset = 0;  ///< of the address from the symbol's start
};

[[nodiscard]] Symbol symbol_at(VirtAddr address) noexcept;

}  // namespace kidney::kernel
