/// A small cache without bytes, for a policy under judgement.
#pragma once

#include "kidney/fs/cache_replacement.hpp"
#include "tests/laws/report.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::laws::cache_replacement {

/// Some KiB: for the heap, because a kernel stack is small.
struct Arena {
    static constexpr std::size_t count = 32;  ///< pages that the cache holds
    static constexpr std::size_t fence = 64;
    static constexpr std::size_t ghost_room = 4096;
    static constexpr std::byte untouched{0xA5};
    struct Part {
        Part() noexcept {}
        std::array<fs::CacheEntry, count> entries;
        alignas(8) std::array<std::byte, ghost_room + 2 * fence> memory;
    };
    Arena() noexcept {}
    /// Two, for laws that compare. The entries of the second are used from the last one on: a
    /// policy that decides by pointers gives itself away.
    Part one, other;
};

/// Pages are called by the numbers of their places, 0 to count - 1.
template <fs::CacheReplacement P>
class Stage {
public:
    static constexpr std::size_t none = Arena::count;
    enum class State : std::uint8_t { away, present, aside };

    Stage(Arena& arena, bool is_other, std::size_t ghosts = Arena::count) noexcept
        : part_(is_other ? arena.other : arena.one), is_other_(is_other) {
        for (fs::CacheEntry& entry : part_.entries) {
            entry = fs::CacheEntry();
        }
        part_.memory.fill(Arena::untouched);
        ghost_bytes_ = fs::or_default::ghost_bytes<P>(ghosts);
        fits_ = ghost_bytes_ <= Arena::ghost_room;
        if (fits_ && ghost_bytes_ > 0) {
            fs::or_default::use_ghosts(policy_,
                                       std::span(part_.memory).subspan(Arena::fence, ghost_bytes_));
        }
    }

    /// A program asks for it. True: it was here.
    bool access(fs::PageName name) noexcept {
        if (const std::size_t at = place_of(name); at != none) {
            if (states_[at] == State::present) {
                policy_.use(entry(at));
            }
            return true;
        }
        fs::or_default::expect(policy_, name);
        if (const std::size_t at = make_room(); at != none) {
            enter(at, name, fs::Arrival::asked);
        }
        return false;
    }
    /// The same for one that was read ahead of time.
    void access_after_read_ahead(fs::PageName name) noexcept {
        if (place_of(name) != none) {
            access(name);
            return;
        }
        fs::or_default::expect(policy_, name);
        if (const std::size_t at = make_room(); at != none) {
            enter(at, name, fs::Arrival::ahead);
            policy_.leave(entry(at), fs::Departure::aside);
            policy_.enter(entry(at), fs::Arrival::asked);
        }
    }
    /// The place of the victim, or `none`.
    [[nodiscard]] std::size_t victim() noexcept {
        const fs::CacheEntry* const chosen = policy_.victim();
        for (std::size_t at = 0; at < Arena::count; ++at) {
            if (chosen == &entry(at)) {
                return at;
            }
        }
        is_sound_ = is_sound_ && chosen == nullptr;
        return none;
    }
    void remove(std::size_t at, fs::Departure why) noexcept {
        if (states_[at] == State::present) {
            policy_.leave(entry(at), why);
            states_[at] = why == fs::Departure::aside ? State::aside : State::away;
            --present_;
        }
    }
    void bring_back(std::size_t at) noexcept {
        if (states_[at] == State::aside) {
            policy_.enter(entry(at), fs::Arrival::back);
            states_[at] = State::present;
            ++present_;
        }
    }
    /// What a cache does, by chance. `names`: how many pages there are outside.
    void step(Random& random, std::uint32_t names) noexcept {
        const std::uint32_t what = random.below(16);
        // Half of the time one of few.
        const std::uint32_t page = random.below(2) == 0 ? random.below(names) : random.below(12);
        const std::size_t at = random.below(Arena::count);
        const bool is_dropped = random.below(2) == 0;
        if (what < 11) {
            access({1, page});
        } else if (what < 13) {
            remove(at, fs::Departure::aside);
        } else if (what < 15) {
            bring_back(at);
        } else if (const std::size_t chosen = is_dropped ? at : victim(); chosen != none) {
            remove(chosen, is_dropped ? fs::Departure::dropped : fs::Departure::evicted);
        }
    }
    [[nodiscard]] std::size_t make_room() noexcept {
        for (std::size_t at = 0; at < limit_; ++at) {
            if (states_[at] == State::away) {
                return at;
            }
        }
        const std::size_t chosen = victim();
        if (chosen != none) {
            is_sound_ = is_sound_ && states_[chosen] == State::present;
            remove(chosen, fs::Departure::evicted);
        }
        return chosen;
    }
    void enter(std::size_t at, fs::PageName name, fs::Arrival why) noexcept {
        fs::CacheEntry& fresh = entry(at);
        fresh.name = name;
        fresh.mark = mark_;
        policy_.enter(fresh, why);
        states_[at] = State::present;
        ++present_;
    }

    [[nodiscard]] std::size_t place_of(fs::PageName name) noexcept {
        for (std::size_t at = 0; at < Arena::count; ++at) {
            if (states_[at] != State::away && entry(at).name == name) {
                return at;
            }
        }
        return none;
    }
    [[nodiscard]] bool is_present(std::size_t at) const noexcept {
        return at < none && states_[at] == State::present;
    }
    [[nodiscard]] std::size_t present() const noexcept { return present_; }
    [[nodiscard]] fs::CacheEntry& entry(std::size_t at) noexcept {
        return part_.entries[is_other_ ? Arena::count - 1 - at : at];
    }
    [[nodiscard]] P& policy() noexcept { return policy_; }
    /// Whoever was the victim while room was made was a page that may go.
    [[nodiscard]] bool is_sound() const noexcept { return is_sound_; }
    /// Nothing was written beside the memory for ghosts, and it is no larger than it may be here.
    [[nodiscard]] bool is_fenced() const noexcept {
        bool held = fits_;
        for (std::size_t n = 0; n < part_.memory.size(); ++n) {
            const bool is_inside = n >= Arena::fence && n < Arena::fence + ghost_bytes_;
            held = held && (is_inside || part_.memory[n] == Arena::untouched);
        }
        return held;
    }
    /// Each page that comes in has this in its mark, instead of 0.
    void dirty_marks(std::uint32_t mark) noexcept { mark_ = mark; }
    void set_limit(std::size_t pages) noexcept { limit_ = pages; }

private:
    Arena::Part& part_;
    bool is_other_;
    bool is_sound_ = true;
    bool fits_ = true;
    P policy_;
    std::array<State, Arena::count> states_{};
    std::size_t present_ = 0;
    std::size_t ghost_bytes_ = 0;
    std::size_t limit_ = Arena::count;
    std::uint32_t mark_ = 0;
};

}  // namespace kidney::laws::cache_replacement
