/// How many frames each leaves to those who need them more: the rules, as values.
///
/// When memory is short, whoever asks first must not get the last of it. Ordinary users leave some
/// to root, who may want to look and to end something; root leaves some to those who are ending,
/// because they give theirs back. User memory leaves some to the kernel's own objects, without
/// which nothing can be said or done about it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// On whose behalf frames are asked for.
enum class FrameClaim : std::uint8_t {
    ordinary,    ///< a program of an ordinary user
    privileged,  ///< a program that root has started
    essential,   ///< the kernel itself, and programs that are on their way out
};

/// Says on whose behalf the caller runs.
template <class C>
concept FrameClaims = requires {
    { C::current() } noexcept -> std::same_as<FrameClaim>;
};
/// Where all are equal.
struct NoFrameClaims {
    [[nodiscard]] static constexpr FrameClaim current() noexcept { return FrameClaim::essential; }
};

/// Numbers of frames of the direct zone.
struct FrameReserve {
    std::size_t for_ending = 0;  ///< that only `essential` may take
    std::size_t for_root = 0;    ///< that `ordinary` may not take either
    std::size_t for_kernel = 0;  ///< that user memory may not take besides

    /// Of so many frames: 1/256, 1/32 (but no more than 8 MiB) and 1/64.
    [[nodiscard]] static constexpr FrameReserve of(std::size_t total) noexcept {
        constexpr std::size_t most_for_root = 2048;
        return {total / 256, std::min(total / 32, most_for_root), total / 64};
    }
    /// So many frames must stay free.
    [[nodiscard]] constexpr std::size_t floor(FrameClaim claim,
                                              bool is_user_memory) const noexcept {
        const std::size_t to_others = claim == FrameClaim::essential    ? 0
                                      : claim == FrameClaim::privileged ? for_ending
                                                                        : for_ending + for_root;
        return to_others + (is_user_memory ? for_kernel : 0);
    }
    /// With more than this, nobody needs to be asked who they are.
    [[nodiscard]] constexpr std::size_t highest() const noexcept {
        return floor(FrameClaim::ordinary, true);
    }
};

}  // namespace kidney::mm
