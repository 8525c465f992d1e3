/// Pictures of a run that nobody knows the length of beforehand: at most so many, evenly spaced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace kidney::lab {

/// `Picture` says after how many `calls` it was taken.
template <class Picture>
class Album {
public:
    static constexpr std::size_t most = 128;

    /// One more call was made. True: it is time for a picture.
    [[nodiscard]] bool tick() {
        if (++calls_ % stride_ != 0) {
            return false;
        }
        if (pictures_.size() < most) {
            return true;
        }
        // Keep every second, go on half as often.
        std::size_t kept = 1;
        for (std::size_t i = 2; i < pictures_.size(); i += 2) {
            pictures_[kept++] = std::move(pictures_[i]);
        }
        pictures_.resize(kept);
        stride_ *= 2;
        return calls_ % stride_ == 0;
    }
    void add(Picture picture) { pictures_.push_back(std::move(picture)); }
    /// Is there none of how it is now?
    [[nodiscard]] bool wants_a_last_one() const {
        return pictures_.empty() || pictures_.back().calls != calls_;
    }

    [[nodiscard]] std::uint64_t calls() const noexcept { return calls_; }
    [[nodiscard]] const std::vector<Picture>& pictures() const noexcept { return pictures_; }

private:
    std::uint64_t calls_ = 0;
    std::uint64_t stride_ = 1;
    std::vector<Picture> pictures_;
};

/// A digit in base 36: exactly 0 for nothing, z for all. What is between them never looks like
/// either.
[[nodiscard]] inline char level_digit(std::uint64_t part, std::uint64_t whole) {
    const std::uint64_t level = part == 0 ? 0 : part >= whole ? 35 : 35 * part / whole;
    const bool is_between = part != 0 && part < whole;
    return "0123456789abcdefghijklmnopqrstuvwxyz"[is_between && level == 0 ? 1 : level];
}

}  // namespace kidney::lab
