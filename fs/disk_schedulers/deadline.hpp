/// Circular look until somebody has waited too long: reads for half a second, because a thread
/// sleeps until they are there, writes for five. The oldest of those is next then, and the sweep
/// goes on from there for some requests before the clock is looked at again: a disk that is late
/// with everything would otherwise serve first come, first served.
#pragma once

#include "fs/disk_schedulers/sorted_entries.hpp"

#include <cstdint>

namespace kidney::fs {

class DeadlineDisk {
public:
    static constexpr const char* name = "deadline";
    static constexpr Duration patience_of_reads = Duration::milliseconds(500);
    static constexpr Duration patience_of_writes = Duration::seconds(5);
    static constexpr std::uint32_t batch = 16;

    void add(DiskEntry& entry) noexcept {
        entries_.add(entry);
        list_of(entry).push_back(entry);
    }
    void remove(DiskEntry& entry) noexcept {
        entries_.remove(entry);
        list_of(entry).erase(AgedEntries::s_iterator_to(entry));
    }
    [[nodiscard]] DiskEntry* next(BlockIndex head, Instant now) noexcept {
        if (left_ == 0) {
            for (const auto& [list, patience] :
                 {Waiting{&reads_, patience_of_reads}, Waiting{&writes_, patience_of_writes}}) {
                if (!list->empty() && now - list->front().arrived > patience) {
                    left_ = batch;
                    return &list->front();
                }
            }
        } else {
            --left_;
        }
        DiskEntry* const behind = entries_.at_or_behind(head);
        return behind == nullptr ? entries_.lowest() : behind;
    }

private:
    struct Waiting {
        AgedEntries* list;
        Duration patience;
    };
    [[nodiscard]] AgedEntries& list_of(const DiskEntry& entry) noexcept {
        return entry.is_read ? reads_ : writes_;
    }

    SortedEntries entries_;
    AgedEntries reads_, writes_;  ///< by age
    std::uint32_t left_ = 0;      ///< of a batch
};

static_assert(DiskScheduler<DeadlineDisk>);

}  // namespace kidney::fs
