/// What the judges of the course ask a policy, and what comes back: fixed records, one answer for
/// each question.
///
/// The policy runs in a process of its own (subject.cpp) that knows neither the questions to come
/// nor what the answers are compared with. Little endian on both sides: it is the same machine.
#pragma once

#include <cstdint>

namespace kidney::course {

enum class Ask : std::uint8_t {
    attach = 'A',  ///< a new life over the span [first, first + count); order 1: of the same object
    add = 'R',     ///< add_region(first, count)
    allocate = 'a',   ///< a block of `order`
    give_back = 'f',  ///< the block of `order` at `first`
    count = 'c',      ///< the member function that the assignment asks for
};

struct Question {
    Ask ask{};
    std::uint8_t order = 0;
    std::uint16_t reserved = 0;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
};

enum class Outcome : std::uint8_t {
    done = 'd',      ///< `value` is what count() said
    served = 's',    ///< `value` is the block's first frame
    refused = 'r',   ///< `value` is 0 for no_memory, 1 for any other error
    trapped = 't',   ///< an invariant failure
    absent = 'x',    ///< there is no such member function
    worn_out = 'w',  ///< the process has made most_steps, and ends
};

/// Branches that the policy may take in one process: the same verdict on every machine.
inline constexpr std::uint64_t most_steps = 2'500'000'000;

struct Answer {
    Outcome outcome{};
    std::uint8_t reserved[3] = {};
    std::uint32_t value = 0;
    std::uint32_t free_frames = 0;  ///< after the call

    [[nodiscard]] bool is_last() const noexcept { return outcome == Outcome::worn_out; }
};

static_assert(sizeof(Question) == 12 && sizeof(Answer) == 12);

}  // namespace kidney::course
