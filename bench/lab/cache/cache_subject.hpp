/// A cache of a fixed size that a policy decides for, and one that knows the future.
#pragma once

#include "bench/lab/cache/page_trace.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/fs/cache_replacement.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <queue>
#include <span>
#include <utility>
#include <vector>

namespace kidney::lab {

/// Which pages are there. Asks `Policy`, and checks what it says: a victim must be here.
template <fs::CacheReplacement Policy>
class CacheSubject {
public:
    CacheSubject(const PageTrace& trace, std::size_t capacity)
        : trace_(trace),
          capacity_(capacity),
          entries_(trace.pages()),
          is_here_(trace.pages()),
          memory_((fs::or_default::ghost_bytes<Policy>(capacity + 1) + 7) / 8) {
        if (!memory_.empty()) {
            fs::or_default::use_ghosts(policy_, std::as_writable_bytes(std::span(memory_)));
        }
        for (std::uint32_t page = 0; page < trace.pages(); ++page) {
            entries_[page].name = trace.name(page);
        }
    }

    /// True: it was here.
    bool access(std::uint32_t page) {
        fs::CacheEntry& entry = entries_[page];
        if (is_here_[page]) {
            policy_.use(entry);
            return true;
        }
        fs::or_default::expect(policy_, entry.name);
        if (size_ == capacity_) {
            fs::CacheEntry* const victim = policy_.victim();
            const std::ptrdiff_t n = victim - entries_.data();
            KIDNEY_INVARIANT(victim != nullptr && n >= 0 &&
                                 n < static_cast<std::ptrdiff_t>(entries_.size()) &&
                                 is_here_[static_cast<std::size_t>(n)],
                             "cache: the victim is no page that is here");
            policy_.leave(*victim, fs::Departure::evicted);
            is_here_[static_cast<std::size_t>(n)] = false;
            --size_;
        }
        entry.mark = 0;
        policy_.enter(entry, fs::Arrival::asked);
        is_here_[page] = true;
        ++size_;
        return false;
    }
    [[nodiscard]] bool is_here(std::uint32_t page) const { return is_here_[page]; }

private:
    const PageTrace& trace_;
    std::size_t capacity_;
    std::vector<fs::CacheEntry> entries_;
    std::vector<bool> is_here_;
    std::vector<std::uint64_t> memory_;
    Policy policy_;
    std::size_t size_ = 0;
};

/// Bélády's MIN: the page goes whose next use is farthest away. Nobody who must take in each page
/// that is asked for has fewer misses.
class Optimum {
public:
    Optimum(const PageTrace& trace, std::size_t capacity)
        : capacity_(capacity),
          next_of_(trace.accesses().size()),
          due_(trace.pages(), never),
          is_here_(trace.pages()) {
        std::vector<std::size_t> next(trace.pages(), never);
        for (std::size_t n = trace.accesses().size(); n-- > 0;) {
            next_of_[n] = std::exchange(next[trace.accesses()[n]], n);
        }
    }

    /// The accesses in their order. True: it was here.
    bool access(std::uint32_t page) {
        const std::size_t next = next_of_[now_++];
        const bool was_here = is_here_[page];
        if (!was_here && size_++ == capacity_) {
            evict();
        }
        // Of pages that never come again each has a time of its own.
        due_[page] = next == never ? never - now_ : next;
        is_here_[page] = true;
        by_due_.emplace(due_[page], page);
        return was_here;
    }

private:
    static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

    void evict() {
        // What has been used meanwhile is there again, with a later time.
        while (!is_here_[by_due_.top().second] ||
               due_[by_due_.top().second] != by_due_.top().first) {
            by_due_.pop();
        }
        is_here_[by_due_.top().second] = false;
        --size_;
    }

    std::size_t capacity_;
    std::vector<std::size_t> next_of_;
    std::vector<std::size_t> due_;
    std::vector<bool> is_here_;
    std::priority_queue<std::pair<std::size_t, std::uint32_t>> by_due_;
    std::size_t size_ = 0;
    std::size_t now_ = 0;
};

}  // namespace kidney::lab
