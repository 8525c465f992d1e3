/// Entries by where they are on the disk, and by age: what the policies are made of.
#pragma once

#include "kidney/fs/disk_scheduler.hpp"

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <cstdint>

namespace kidney::fs {

using AgedEntries = boost::intrusive::list<
    DiskEntry,
    boost::intrusive::member_hook<DiskEntry, decltype(DiskEntry::list_hook), &DiskEntry::list_hook>,
    boost::intrusive::constant_time_size<false>>;

/// Of several that begin at one block the older ones come first.
class SortedEntries {
public:
    void add(DiskEntry& entry) noexcept { set_.insert_equal(entry); }
    void remove(DiskEntry& entry) noexcept { set_.erase(set_.iterator_to(entry)); }

    /// The first one at `head` or behind it, or null.
    [[nodiscard]] DiskEntry* at_or_behind(BlockIndex head) noexcept {
        const auto found = set_.lower_bound(head.value());
        return found == set_.end() ? nullptr : &*found;
    }
    /// The last one before `head`, or null.
    [[nodiscard]] DiskEntry* before(BlockIndex head) noexcept {
        const auto found = set_.lower_bound(head.value());
        return found == set_.begin() ? nullptr : &*std::prev(found);
    }
    [[nodiscard]] DiskEntry* lowest() noexcept { return set_.empty() ? nullptr : &*set_.begin(); }

private:
    struct First {
        using type = std::uint64_t;
        type operator()(const DiskEntry& entry) const noexcept { return entry.first.value(); }
    };
    boost::intrusive::multiset<DiskEntry,
                               boost::intrusive::member_hook<
                                   DiskEntry, decltype(DiskEntry::set_hook), &DiskEntry::set_hook>,
                               boost::intrusive::key_of_value<First>,
                               boost::intrusive::constant_time_size<false>>
        set_;
};

}  // namespace kidney::fs
