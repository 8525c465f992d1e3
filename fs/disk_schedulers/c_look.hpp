/// Circular look: upwards over the disk to the last request, then back to the lowest and again. No
/// block is served twice as often as another, as in a sweep that turns round.
///
/// Nobody starves: whoever arrives behind the head waits for the next sweep, and a sweep ends at
/// the end of the disk.
///
/// Theory: Seaman, Lind, Wilson, "On Teleprocessing System Design, part IV" (1966), compare
/// Worthington, Ganger, Patt, "Scheduling Algorithms for Modern Disk Drives" (1994).
#pragma once

#include "fs/disk_schedulers/sorted_entries.hpp"

namespace kidney::fs {

class CircularLook {
public:
    static constexpr const char* name = "c_look";

    void add(DiskEntry& entry) noexcept { entries_.add(entry); }
    void remove(DiskEntry& entry) noexcept { entries_.remove(entry); }
    [[nodiscard]] DiskEntry* next(BlockIndex head, Instant) noexcept {
        DiskEntry* const behind = entries_.at_or_behind(head);
        return behind == nullptr ? entries_.lowest() : behind;
    }

private:
    SortedEntries entries_;
};

static_assert(DiskScheduler<CircularLook>);

}  // namespace kidney::fs
