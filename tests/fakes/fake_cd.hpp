/// What a CD drive answers to its packets.
#pragma once

#include "kidney/core/assert.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kidney::fakes {

/// TEST UNIT READY, REQUEST SENSE, READ CAPACITY and READ(12).
class FakeCd {
public:
    struct Knobs {
        bool is_packet = false;  ///< it is a CD drive, and its disk the medium
        bool has_medium = true;
        bool attention = false;          ///< the medium was changed: the next command is told
        std::size_t at_a_time = 0xFFFE;  ///< bytes, if the host takes as many
        std::size_t cut = 0;             ///< so many bytes too few are answered
    };

    /// False: an error, of which REQUEST SENSE tells.
    [[nodiscard]] bool answer(const std::array<std::uint8_t, 12>& packet, Knobs& knobs,
                              std::span<const std::byte> medium, unsigned& failing) noexcept {
        const auto number = [&packet](std::size_t at) {
            return std::size_t{packet[at]} << 24 | std::size_t{packet[at + 1]} << 16 |
                   std::size_t{packet[at + 2]} << 8 | packet[at + 3];
        };
        bytes_.clear();
        if (packet[0] == 0x03) {
            bytes_.resize(18);
            bytes_[2] = static_cast<std::byte>(sense_ & 0xFFU);
            bytes_[12] = static_cast<std::byte>(sense_ >> 8);
            knobs.attention = false;
            return true;
        }
        sense_ = knobs.attention ? 0x2806 : !knobs.has_medium ? 0x3A02 : 0;
        const std::size_t blocks = medium.size() / 2048;
        if (packet[0] == 0x25 && sense_ == 0) {
            bytes_.resize(8);
            put(0, blocks - 1);
            put(4, 2048);
        } else if (packet[0] == 0xA8 && sense_ == 0 && failing > 0) {
            --failing;
            sense_ = 0x1103;
        } else if (packet[0] == 0xA8 && sense_ == 0) {
            KIDNEY_INVARIANT(number(2) + number(6) <= blocks, "atapi: outside of the medium");
            const auto part = medium.subspan(number(2) * 2048, number(6) * 2048 - knobs.cut);
            bytes_.assign(part.begin(), part.end());
        }
        return sense_ == 0;
    }
    [[nodiscard]] const std::vector<std::byte>& bytes() const noexcept { return bytes_; }

private:
    void put(std::size_t at, std::size_t value) noexcept {
        for (std::size_t n = 0; n < 4; ++n) {
            bytes_[at + n] = static_cast<std::byte>(value >> (24 - 8 * n));
        }
    }
    std::vector<std::byte> bytes_;
    std::uint16_t sense_ = 0;  ///< key, and what is additional in the upper byte
};

}  // namespace kidney::fakes
