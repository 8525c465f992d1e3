/// Why a disk cannot be mounted, in words a user can act on.
#pragma once

#include "fs/vsfs/format.hpp"
#include "kidney/core/bounded.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kidney::fs::vsfs {

/// Long enough for every text below.
using RefusalText = BoundedText<96>;

/// The field that contradicts the format, and its value. Empty: there is no complaint.
[[nodiscard]] inline RefusalText explain_refusal(const Complaint& complaint) noexcept {
    RefusalText text;
    const std::string_view field = complaint.field;
    if (field == "superblock.magic") {
        text.append("it holds no vsfs");
    } else if (!field.empty()) {
        text.append("its ");
        text.append(field);
        text.append(" is 0x");
        std::array<char, 16> digits;
        std::size_t first = digits.size();
        std::uint64_t value = complaint.value;
        do {  // hexadecimal: the kernel has no division of 64 bits
            digits[--first] = "0123456789abcdef"[value & 0xF];
            value >>= 4;
        } while (value != 0);
        text.append({digits.data() + first, digits.size() - first});
    }
    return text;
}

}  // namespace kidney::fs::vsfs
