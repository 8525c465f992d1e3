/// How many steps a policy may make: branches that the compiler counts (subject_world.cpp), and so
/// the same verdict on every machine. Wall and CPU limits around a subject are far behind these.
///
/// What is right needs less. In its costliest play, and for the costliest law, in millions of
/// steps: free list 115, 191; LLFree 86, 364; every other policy of mm/frames 17, 69 at most (two
/// seeds); next fit over a byte for each frame 237, 458 (three seeds). Who searches all frames from
/// the first on for each frame that is asked for makes 7000 for a law, and more.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kidney::judge {

/// In one call; more is an endless loop.
constexpr std::uint64_t call_steps(std::size_t frames) noexcept {
    return 1'000'000 + std::uint64_t{512} * frames;
}
/// In all calls of one play.
inline constexpr std::uint64_t play_steps = 1'000'000'000;
/// In all plays that a subject is started for: those of a law.
inline constexpr std::uint64_t start_steps = 2'500'000'000;

/// Counts down what is left of each of the three.
class StepCounter {
public:
    enum class End : std::uint8_t { call, play, start };

    constexpr void begin_play() noexcept { play_left_ = play_steps; }
    constexpr void begin_call(std::size_t frames) noexcept {
        call_left_ = call_steps(frames);
        allowed_ = std::min({call_left_, play_left_, start_left_});
        left_ = allowed_;
    }
    /// False if there was none left.
    constexpr bool step() noexcept {
        if (left_ == 0) {
            return false;
        }
        --left_;
        return true;
    }
    constexpr void end_call() noexcept {
        const std::uint64_t made = allowed_ - left_;
        call_left_ -= made;
        play_left_ -= made;
        start_left_ -= made;
    }
    /// Which it was that did not suffice for the call that has ended; a loop before anything else.
    [[nodiscard]] constexpr End end() const noexcept {
        return call_left_ == 0 ? End::call : play_left_ == 0 ? End::play : End::start;
    }
    [[nodiscard]] constexpr std::uint64_t made_in_play() const noexcept {
        return play_steps - play_left_;
    }

private:
    std::uint64_t left_ = 0;
    std::uint64_t allowed_ = 0;
    std::uint64_t call_left_ = 0;
    std::uint64_t play_left_ = play_steps;
    std::uint64_t start_left_ = start_steps;
};

}  // namespace kidney::judge
