/// First in, first out: whoever came first goes first, used or not. The least that a cache can do,
/// and what the others are measured against.
#pragma once

#include "fs/replacement/entry_list.hpp"

namespace kidney::fs {

class FirstInFirstOut {
public:
    static constexpr const char* name = "fifo";
    static constexpr ReplacementTraits traits{.first_come_first_gone = true};

    void enter(CacheEntry& entry, Arrival) noexcept { pages_.add(entry); }
    void use(CacheEntry&) noexcept {}
    void leave(CacheEntry& entry, Departure) noexcept { pages_.remove(entry); }
    [[nodiscard]] CacheEntry* victim() noexcept { return pages_.oldest(); }

private:
    EntryList pages_;
};

static_assert(CacheReplacement<FirstInFirstOut>);

}  // namespace kidney::fs
