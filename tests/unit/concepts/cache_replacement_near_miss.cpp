/// Types that are almost policies of a cache. Each breaks one requirement, and the concept must
/// notice.
#include "tests/archetypes/cache_replacement.hpp"

namespace kidney::fs {
namespace {

using Archetype = archetypes::CacheReplacement;
using Remembering = archetypes::RememberingReplacement;

struct CannotBeMade : Archetype {
    explicit CannotBeMade(int) {}
};
struct EnterForgetsWhy : Archetype {
    void enter(CacheEntry&) noexcept;
};
struct EnterMayRefuse : Archetype {
    bool enter(CacheEntry&, Arrival) noexcept;
};
struct UseMayThrow : Archetype {
    void use(CacheEntry&);
};
struct LeavesByNameOnly : Archetype {
    void leave(PageName, Departure) noexcept;
};
struct LeaveForgetsWhy : Archetype {
    void leave(CacheEntry&) noexcept;
};
struct VictimIsAName : Archetype {
    PageName victim() noexcept;
};
struct VictimIsAlwaysThere : Archetype {
    CacheEntry& victim() noexcept;
};
struct VictimReadsAClock : Archetype {
    CacheEntry* victim(int now) noexcept;
};
struct HasNoName : Archetype {
    static constexpr int name = 0;
};

static_assert(CacheReplacement<Archetype>);
static_assert(!CacheReplacement<CannotBeMade>);
static_assert(!CacheReplacement<EnterForgetsWhy>);
static_assert(!CacheReplacement<EnterMayRefuse>);
static_assert(!CacheReplacement<UseMayThrow>);
static_assert(!CacheReplacement<LeavesByNameOnly>);
static_assert(!CacheReplacement<LeaveForgetsWhy>);
static_assert(!CacheReplacement<VictimIsAName>);
static_assert(!CacheReplacement<VictimIsAlwaysThere>);
static_assert(!CacheReplacement<VictimReadsAClock>);
static_assert(!CacheReplacement<HasNoName>);

struct TakesGhostsAsTheyAre : Remembering {
    void use_ghosts(std::size_t) noexcept;
};
struct DoesNotSayHowMuch : Remembering {
    static std::size_t ghost_bytes() noexcept;
};
struct ExpectAnswers : Remembering {
    bool expect(PageName) noexcept;
};

static_assert(RemembersPages<Remembering>);
static_assert(!RemembersPages<TakesGhostsAsTheyAre>);
static_assert(!RemembersPages<DoesNotSayHowMuch>);
static_assert(!RemembersPages<ExpectAnswers>);

}  // namespace
}  // namespace kidney::fs
