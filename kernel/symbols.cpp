#include "kernel/symbols.hpp"

#include <cstddef>

namespace kidney::kernel {

// Made from the linked image, sorted by address. The first link of the two has an empty table.
extern "C" const std::uint32_t symbol_count;
extern "C" const std::uint32_t symbol_addresses[];
extern "C" const std::uint32_t symbol_name_offsets[];  // one more than addresses
extern "C" const char symbol_names[];
extern "C" const char kernel_text_start[];
extern "C" const char kernel_text_end[];

Symbol symbol_at(VirtAddr address) noexcept {
    const auto start = reinterpret_cast<std::uint32_t>(kernel_text_start);
    const auto end = reinterpret_cast<std::uint32_t>(kernel_text_end);
    if (address.value() < start || address.value() >= end) {
        return {};
    }
    std::uint32_t low = 0;
    std::uint32_t high = symbol_count;
    while (low < high) {  // the last symbol at or below the address
        const std::uint32_t middle = low + (high - low) / 2;
        if (symbol_addresses[middle] <= address.value()) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return {};
    }
    const std::uint32_t i = low - 1;
    const std::uint32_t begin = symbol_name_offsets[i];
    return {std::string_view(symbol_names + begin, symbol_name_offsets[i + 1] - begin),
            address.value() - symbol_addresses[i]};
}

}  // namespace kidney::kernel
