/// What the judges of the course ask a scheduler policy, or who keeps the books of donation, and
/// what comes back: fixed records, one answer for each question (as wire.hpp does for frames).
#pragma once

#include "course/judge/process.hpp"

#include <cstdint>

namespace kidney::course {

/// Entities and locks are named by numbers from 1 on; 0 is nobody.
inline constexpr std::uint16_t most_entities = 64;

enum class Ask : std::uint8_t {
    begin = 'N',     ///< a new life; `why` 1: with the entities in the opposite order in memory
    nice = 'i',      ///< entity `a` has the nice value `b` (two's complement), before it begins
    enqueue = 'e',   ///< enqueue(a, why, now)
    remove = 'r',    ///< remove(a)
    pick = 'p',      ///< pick_next(now): who it is
    charge = 'c',    ///< charge(a, ran, now): 1 to preempt
    leave = 'x',     ///< the running `a` sleeps (why 0) or ends (1)
    preempts = 'v',  ///< preempts(a, b)
    value = 'q',     ///< the number `why` that the assignment asks for, of `a`
};

struct Question {
    Ask ask{};
    std::uint8_t why = 0;
    std::uint16_t a = 0;
    std::uint16_t b = 0;
    std::uint16_t reserved = 0;
    std::int64_t now = 0;  ///< nanoseconds, as `ran`
    std::int64_t ran = 0;
};

enum class Outcome : std::uint8_t {
    done = 'd',
    trapped = 't',   ///< an invariant failure
    absent = 'x',    ///< there is no such member function
    stranger = 's',  ///< a pointer that is nobody's
    worn_out = 'w',  ///< the process has made all its steps, and ends
    endless = 'l',   ///< one call has, and the process ends
};

/// In one process, and in one call. A right policy needs a few hundred for a call.
inline constexpr StepLimits limits{.all = 400'000'000, .one_call = 1'000'000};

struct Answer {
    Outcome outcome{};
    std::uint8_t reserved[3] = {};
    std::int32_t value = 0;
    std::uint32_t size = 0;  ///< after the call

    [[nodiscard]] bool is_last() const noexcept {
        return outcome == Outcome::worn_out || outcome == Outcome::endless;
    }
};

constexpr Outcome outcome_of(End end) noexcept {
    switch (end) {
        case End::returned:
            return Outcome::done;
        case End::trapped:
            return Outcome::trapped;
        case End::worn_out:
            return Outcome::worn_out;
        case End::endless:
            return Outcome::endless;
    }
    return Outcome::trapped;
}

static_assert(sizeof(Question) == 24 && sizeof(Answer) == 12);

}  // namespace kidney::course
