/// Pages in a row, the oldest in front: what the policies are made of.
#pragma once

#include "kidney/fs/cache_replacement.hpp"

#include <boost/intrusive/list.hpp>

namespace kidney::fs {

class EntryList {
public:
    [[nodiscard]] std::size_t size() const noexcept { return list_.size(); }
    [[nodiscard]] CacheEntry* oldest() noexcept { return list_.empty() ? nullptr : &list_.front(); }
    void add(CacheEntry& entry) noexcept { list_.push_back(entry); }
    void remove(CacheEntry& entry) noexcept { list_.erase(List::s_iterator_to(entry)); }
    /// It is the youngest now.
    void renew(CacheEntry& entry) noexcept {
        list_.splice(list_.end(), list_, List::s_iterator_to(entry));
    }

private:
    using List = boost::intrusive::list<
        CacheEntry, boost::intrusive::member_hook<CacheEntry, CacheEntry::Hook, &CacheEntry::hook>>;
    List list_;
};

}  // namespace kidney::fs
