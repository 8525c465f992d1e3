/// Why a disk cannot be mounted, in words a user can act on.
#pragma once

#include "fs/kfs/format.hpp"
#include "kidney/core/bounded.hpp"

#include <cstdint>
#include <string_view>

namespace kidney::fs::kfs {

/// Long enough for every text below.
using RefusalText = BoundedText<160>;

/// The field that contradicts the format, and its value. Empty: there is no complaint.
[[nodiscard]] inline RefusalText explain_refusal(const Complaint& complaint) noexcept {
    RefusalText text;
    const std::string_view field = complaint.field;
    if (field.empty()) {
        return text;
    }
    if (field == "superblock.magic") {
        text.append("it holds no kfs");
        return text;
    }
    if (field == "superblock.incompatible") {
        text.append("it uses features that are newer: ");
    }
    text.append(field);
    text.append(" is 0x");
    bool begun = false;
    for (int shift = 60; shift >= 0; shift -= 4) {
        const auto digit = static_cast<std::size_t>(complaint.value >> shift & 0xFU);
        begun = begun || digit != 0 || shift == 0;
        if (begun) {
            constexpr std::string_view digits = "0123456789abcdef";
            text.append({digits.data() + digit, 1});
        }
    }
    return text;
}

}  // namespace kidney::fs::kfs
