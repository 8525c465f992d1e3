/// First come, first served: fair, and the head goes wherever it is sent. What a disk without a
/// head is served best by, because it costs nothing.
#pragma once

#include "fs/disk_schedulers/sorted_entries.hpp"

namespace kidney::fs {

class FifoDisk {
public:
    static constexpr const char* name = "fifo";

    void add(DiskEntry& entry) noexcept { entries_.push_back(entry); }
    void remove(DiskEntry& entry) noexcept { entries_.erase(entries_.iterator_to(entry)); }
    [[nodiscard]] DiskEntry* next(BlockIndex, Instant) noexcept {
        return entries_.empty() ? nullptr : &entries_.front();
    }

private:
    AgedEntries entries_;
};

static_assert(DiskScheduler<FifoDisk>);

}  // namespace kidney::fs
