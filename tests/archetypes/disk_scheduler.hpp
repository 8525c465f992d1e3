/// Exactly what `DiskScheduler` promises and nothing more.
#pragma once

#include "kidney/fs/disk_scheduler.hpp"

namespace kidney::archetypes {

class DiskScheduler {
public:
    DiskScheduler() = default;
    DiskScheduler(const DiskScheduler&) = delete;
    DiskScheduler& operator=(const DiskScheduler&) = delete;
    static constexpr const char* name = "archetype";
    void add(fs::DiskEntry&) noexcept {}
    void remove(fs::DiskEntry&) noexcept {}
    fs::DiskEntry* next(fs::BlockIndex, Instant) noexcept { return nullptr; }
};

static_assert(fs::DiskScheduler<DiskScheduler>);

}  // namespace kidney::archetypes
