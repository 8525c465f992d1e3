/// Shortest seek time first: whatever is nearest to the head. Short ways, and who is far away waits
/// as long as others keep coming.
///
/// Theory: Denning, "Effects of Scheduling on File Memory Operations" (1967).
#pragma once

#include "fs/disk_schedulers/sorted_entries.hpp"

namespace kidney::fs {

class ShortestSeekFirst {
public:
    static constexpr const char* name = "sstf";
    static constexpr bool may_starve = true;

    void add(DiskEntry& entry) noexcept { entries_.add(entry); }
    void remove(DiskEntry& entry) noexcept { entries_.remove(entry); }
    [[nodiscard]] DiskEntry* next(BlockIndex head, Instant) noexcept {
        DiskEntry* const behind = entries_.at_or_behind(head);
        DiskEntry* const before = entries_.before(head);
        if (behind == nullptr || before == nullptr) {
            return behind == nullptr ? before : behind;
        }
        return behind->first.value() - head.value() <= head.value() - before->first.value()
                   ? behind
                   : before;
    }

private:
    SortedEntries entries_;
};

static_assert(DiskScheduler<ShortestSeekFirst>);

}  // namespace kidney::fs
