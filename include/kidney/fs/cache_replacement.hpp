/// The `CacheReplacement` slot: which page of a full cache goes: the decision. The engine that
/// carries it out is fs/page_cache.hpp.
#pragma once

#include <boost/intrusive/link_mode.hpp>
#include <boost/intrusive/list_hook.hpp>

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// What a page is called, also when it is not in the cache. Numbers of objects are given by the
/// engine and never used again, so nobody is taken for another one that had its address.
struct PageName {
    std::uint32_t object = 0;
    std::uint32_t page = 0;
    friend constexpr auto operator<=>(PageName, PageName) noexcept = default;
};

/// A page, as far as a policy may know it.
struct CacheEntry {
    using Hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::normal_link>>;

    PageName name;
    std::uint32_t mark = 0;  ///< the policy's own; means nothing yet in enter(asked, ahead)
    Hook hook;               ///< the policy's own, from enter() to leave()
};

/// Why a page may go from now on.
enum class Arrival : std::uint8_t {
    asked,  ///< somebody asked for it: it came in, or was read ahead and this is its first use
    ahead,  ///< it came in because a neighbour did; nobody has asked for it yet
    back,   ///< it was set aside for a while; `mark` is as it was
};
/// Why it may not any more.
enum class Departure : std::uint8_t {
    evicted,  ///< it was the victim, and gives its memory to another
    dropped,  ///< its bytes are of no use: a file was truncated, a disk unmounted
    aside,    ///< it stays in the cache: it is dirty or borrowed, and comes back
};

/// What a policy promises beyond the laws. Each claim selects laws (tests/laws/replacement).
struct ReplacementTraits {
    /// The victim is the page whose arrival is longest ago; to use it changes nothing.
    bool first_come_first_gone = false;
    /// The victim is the page whose last use (arrival included) is longest ago.
    bool least_recent_first = false;
    /// Whoever was used since it was looked at last stays while there is one that was not.
    bool second_chance = false;
    /// Pages that are used again and again outlive a scan of any length.
    bool resists_scans = false;
    /// Whoever was evicted and is soon asked for again outlives a scan.
    bool remembers = false;
};

/// Chooses among the pages that may go. Each belongs to the policy from enter() to leave().
///   C1 victim() names a page that is in the policy; null if and only if there is none
///   C2 victim() only names: asked again, it names the same one, and leave() is what takes it out
///   C3 leave() takes out that page, victim or not, and no other: nobody is lost, nobody is named
///      who has left or is set aside
///   C4 determinism: the same calls give the same answers (no pointer order)
///   C5 a page that is read ahead and then asked for is treated like one that is asked for
///   C6 enter(asked) and enter(ahead) begin afresh, whatever `mark` is
///   C7 what was dropped is forgotten: no policy knows it when it comes back
///   C8 ghosts (`RemembersPages`) stay in the memory that was given for them, also if that is none
/// What it claims beyond this: `static constexpr ReplacementTraits traits`, if anything.
/// Policies are values: no statics, clock, locks, logging or allocation.
/// Cost: O(1), amortised. Concurrency: none, the cache's lock is held.
template <class P>
concept CacheReplacement = std::default_initializable<P> &&
                           requires(P& p, CacheEntry& entry, Arrival came, Departure left) {
                               { p.enter(entry, came) } noexcept -> std::same_as<void>;
                               { p.use(entry) } noexcept -> std::same_as<void>;
                               { p.leave(entry, left) } noexcept -> std::same_as<void>;
                               { p.victim() } noexcept -> std::same_as<CacheEntry*>;
                               { P::name } -> std::convertible_to<const char*>;
                           };

/// Keeps ghosts: names of pages that it evicted. use_ghosts() comes once, before the first page;
/// without it there are none. The memory is aligned to 8, and the engine's. expect() says that
/// somebody asks for a page that is not here: room may be made for it, and enter() may follow.
template <class P>
concept RemembersPages =
    requires(P& p, std::span<std::byte> memory, std::size_t ghosts, PageName name) {
        { P::ghost_bytes(ghosts) } noexcept -> std::same_as<std::size_t>;
        { p.use_ghosts(memory) } noexcept -> std::same_as<void>;
        { p.expect(name) } noexcept -> std::same_as<void>;
    };

template <class P>
[[nodiscard]] constexpr ReplacementTraits replacement_traits_of() noexcept {
    if constexpr (requires {
                      { P::traits } -> std::convertible_to<ReplacementTraits>;
                  }) {
        return P::traits;
    } else {
        return {};
    }
}

/// The calls of `RemembersPages` to any policy.
namespace or_default {

template <CacheReplacement P>
[[nodiscard]] constexpr std::size_t ghost_bytes(std::size_t ghosts) noexcept {
    if constexpr (RemembersPages<P>) {
        return P::ghost_bytes(ghosts);
    } else {
        return 0;
    }
}
template <CacheReplacement P>
void use_ghosts(P& policy, std::span<std::byte> memory) noexcept {
    if constexpr (RemembersPages<P>) {
        policy.use_ghosts(memory);
    }
}
template <CacheReplacement P>
void expect(P& policy, PageName name) noexcept {
    if constexpr (RemembersPages<P>) {
        policy.expect(name);
    }
}

}  // namespace or_default
}  // namespace kidney::fs
