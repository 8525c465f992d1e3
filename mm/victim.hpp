/// Who ends when there is no memory left: the rule, as pure functions.
///
/// kernel/resource/out_of_memory.cpp describes the processes and acts. Tested at compile time
/// (tests/unit/mm/victim_test.cpp).
#pragma once

#include "kidney/core/time.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

namespace kidney::mm {

/// A process, as far as it matters.
struct VictimFacts {
    std::uint32_t pages = 0;      ///< that come free when it ends, about
    std::int32_t adjustment = 0;  ///< oom_score_adj: -1000 never .. 1000 first
    bool is_roots = false;        ///< started by root
    bool is_protected = false;    ///< the machine cannot do without it
};

inline constexpr std::int32_t never_a_victim = -1000;
inline constexpr std::int64_t no_badness = std::numeric_limits<std::int64_t>::min();

/// How much the machine gains by the end of this process, in pages of `total`, or no_badness. The
/// adjustment counts in thousandths of all memory; what root runs is worth 3 % more than its size.
[[nodiscard]] constexpr std::int64_t badness(const VictimFacts& f, std::uint32_t total) noexcept {
    if (f.is_protected || f.adjustment <= never_a_victim) {
        return no_badness;
    }
    const std::int64_t all = total;
    return std::int64_t{f.pages} + f.adjustment * all / 1000 - (f.is_roots ? all * 3 / 100 : 0);
}

/// /proc/PID/oom_score: 0 for who is never chosen, about 667 for a small one, 1333 for one that has
/// everything.
[[nodiscard]] constexpr std::uint32_t badness_score(const VictimFacts& f,
                                                    std::uint32_t total) noexcept {
    const std::int64_t bad = badness(f, total);
    if (bad == no_badness || total == 0) {
        return 0;
    }
    return static_cast<std::uint32_t>(std::max<std::int64_t>(0, 1000 + bad * 1000 / total) * 2 / 3);
}

/// The worst of those that were considered; of equals the first.
template <class Id>
class VictimChoice {
public:
    explicit constexpr VictimChoice(std::uint32_t total) noexcept : total_(total) {}

    constexpr void consider(Id who, const VictimFacts& facts) noexcept {
        if (const std::int64_t bad = badness(facts, total_); bad > worst_) {
            worst_ = bad;
            chosen_ = who;
        }
    }
    [[nodiscard]] constexpr std::optional<Id> chosen() const noexcept { return chosen_; }

private:
    std::uint32_t total_;
    std::int64_t worst_ = no_badness;
    std::optional<Id> chosen_;
};

/// How long a program has been refused memory. What is free may be of no use to it: it needs two
/// frames at once, or a block, and every attempt gives back what it got. Then somebody has to end
/// although there seems to be enough, or it would try for ever.
class VainRequests {
public:
    static constexpr Duration patience = Duration::milliseconds(200);
    /// Refusals further apart than this have nothing to do with each other.
    static constexpr Duration pause = Duration::milliseconds(50);

    /// Refused at `now`. True: the time for patience is over, and begins anew.
    [[nodiscard]] constexpr bool again(Instant now) noexcept {
        if (!has_begun_ || now - last_ > pause) {
            has_begun_ = true;
            since_ = now;
        }
        last_ = now;
        if (now - since_ < patience) {
            return false;
        }
        since_ = now;
        return true;
    }

private:
    Instant since_;
    Instant last_;
    bool has_begun_ = false;
};

}  // namespace kidney::mm
