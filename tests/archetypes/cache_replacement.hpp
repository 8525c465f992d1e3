/// Exactly what `CacheReplacement` promises and nothing more.
#pragma once

#include "kidney/fs/cache_replacement.hpp"

namespace kidney::archetypes {

class CacheReplacement {
public:
    CacheReplacement() = default;
    CacheReplacement(const CacheReplacement&) = delete;
    CacheReplacement& operator=(const CacheReplacement&) = delete;
    static constexpr const char* name = "archetype";
    void enter(fs::CacheEntry&, fs::Arrival) noexcept {}
    void use(fs::CacheEntry&) noexcept {}
    void leave(fs::CacheEntry&, fs::Departure) noexcept {}
    fs::CacheEntry* victim() noexcept { return nullptr; }
};

static_assert(fs::CacheReplacement<CacheReplacement>);
static_assert(!fs::RemembersPages<CacheReplacement>);

/// And what those keep that know a page that comes back.
class RememberingReplacement : public CacheReplacement {
public:
    static std::size_t ghost_bytes(std::size_t) noexcept { return 0; }
    void use_ghosts(std::span<std::byte>) noexcept {}
    void expect(fs::PageName) noexcept {}
};

static_assert(fs::CacheReplacement<RememberingReplacement>);
static_assert(fs::RemembersPages<RememberingReplacement>);

}  // namespace kidney::archetypes
