/// Fids: the numbers by which a client and a server call the files that the client has in hand.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/result.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::fs::p9 {

/// Concurrency: none.
class Fids {
public:
    static constexpr std::uint32_t most = 16384;

    /// Error: file_table_full.
    [[nodiscard]] Result<std::uint32_t> take() noexcept {
        for (std::size_t n = 0; n < words_.size(); ++n, hint_ = (hint_ + 1) % words_.size()) {
            if (std::uint32_t& word = words_[hint_]; word != ~std::uint32_t{0}) {
                const auto bit = static_cast<std::uint32_t>(std::countr_one(word));
                word |= std::uint32_t{1} << bit;
                ++taken_;
                return static_cast<std::uint32_t>(hint_ * bits) + bit;
            }
        }
        return fail(Errc::file_table_full);
    }
    void give_back(std::uint32_t fid) noexcept {
        std::uint32_t& word = words_[fid / bits];
        const std::uint32_t mask = std::uint32_t{1} << fid % bits;
        KIDNEY_INVARIANT((word & mask) != 0, "a fid is given back twice");
        word &= ~mask;
        --taken_;
    }
    [[nodiscard]] std::uint32_t taken() const noexcept { return taken_; }

private:
    static constexpr std::uint32_t bits = 32;
    std::array<std::uint32_t, most / bits> words_{};
    std::size_t hint_ = 0;
    std::uint32_t taken_ = 0;
};

}  // namespace kidney::fs::p9
