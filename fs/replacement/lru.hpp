/// Least recently used: what was not needed for longest will not be needed for longest. True of
/// most programs, and wrong for whoever reads more than fits, once or in a loop: each page pushes
/// out the one that is wanted next.
#pragma once

#include "fs/replacement/entry_list.hpp"

namespace kidney::fs {

class LeastRecentlyUsed {
public:
    static constexpr const char* name = "lru";
    static constexpr ReplacementTraits traits{.least_recent_first = true};

    void enter(CacheEntry& entry, Arrival) noexcept { pages_.add(entry); }
    void use(CacheEntry& entry) noexcept { pages_.renew(entry); }
    void leave(CacheEntry& entry, Departure) noexcept { pages_.remove(entry); }
    [[nodiscard]] CacheEntry* victim() noexcept { return pages_.oldest(); }

private:
    EntryList pages_;  ///< by their last use
};

static_assert(CacheReplacement<LeastRecentlyUsed>);

}  // namespace kidney::fs
