/// Clock: pages in a circle, and a hand. A use sets a bit in the page and moves nothing. The hand
/// takes the first page whose bit is clear, and clears those that it passes: a second chance.
/// Nearly as good as least recently used, for next to nothing at each use.
///
/// The row here is the circle, cut open at the hand: who is passed goes to its end. A page comes in
/// behind the hand with its bit clear, as in Bansal and Modha's description.
///
/// Theory: Corbató, "A Paging Experiment with the Multics System" (1968); Bansal, Modha, "CAR:
/// Clock with Adaptive Replacement" (2004).
#pragma once

#include "fs/replacement/entry_list.hpp"

namespace kidney::fs {

class SecondChanceClock {
public:
    static constexpr const char* name = "clock";
    static constexpr ReplacementTraits traits{.second_chance = true};

    void enter(CacheEntry& entry, Arrival came) noexcept {
        entry.mark = came == Arrival::back ? entry.mark : unused;
        circle_.add(entry);
    }
    void use(CacheEntry& entry) noexcept { entry.mark = used; }
    void leave(CacheEntry& entry, Departure) noexcept { circle_.remove(entry); }
    /// Cost: each step beyond the first clears a bit that a use has set.
    [[nodiscard]] CacheEntry* victim() noexcept {
        CacheEntry* at = circle_.oldest();
        while (at != nullptr && at->mark == used) {
            at->mark = unused;
            circle_.renew(*at);
            at = circle_.oldest();
        }
        return at;
    }

private:
    static constexpr std::uint32_t unused = 0, used = 1;

    EntryList circle_;  ///< from the hand on
};

static_assert(CacheReplacement<SecondChanceClock>);

}  // namespace kidney::fs
