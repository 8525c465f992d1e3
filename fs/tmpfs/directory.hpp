/// The entries of a tmpfs directory: found by name, listed in the order in which they were made.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <boost/intrusive/set.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// One name. The text follows the object in memory.
template <class Node>
struct TmpfsEntry {
    using Hook = boost::intrusive::set_member_hook<
        boost::intrusive::link_mode<boost::intrusive::normal_link>>;

    Hook by_name, by_cookie;
    std::uint32_t hash = 0;
    std::uint32_t length = 0;
    std::uint64_t cookie = 0;
    Ref<Node> node;

    [[nodiscard]] std::string_view name() const noexcept {
        return {reinterpret_cast<const char*>(this + 1), length};
    }

    template <mm::ObjectAllocator Heap>
    [[nodiscard]] static Result<TmpfsEntry*> create(Heap& heap, std::string_view name) noexcept {
        void* const memory = TRY(heap.allocate(sizeof(TmpfsEntry) + name.size()));
        auto* const entry = ::new (memory) TmpfsEntry;
        entry->hash = hash_of(name);
        entry->length = static_cast<std::uint32_t>(name.size());
        std::memcpy(static_cast<void*>(entry + 1), name.data(), name.size());
        return entry;
    }
    template <mm::ObjectAllocator Heap>
    static void destroy(Heap& heap, TmpfsEntry* entry) noexcept {
        const std::size_t bytes = sizeof(TmpfsEntry) + entry->length;
        entry->~TmpfsEntry();
        heap.free(entry, bytes);
    }
    [[nodiscard]] static std::uint32_t hash_of(std::string_view name) noexcept {
        std::uint32_t hash = 2166136261U;  // FNV-1a
        for (const char c : name) {
            hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
        }
        return hash;
    }
};

/// Both orders are red-black trees: nothing is allocated beyond the entry, so once an entry exists
/// inserting it cannot fail. A cookie is never used twice in one directory, so a listing that goes
/// on after names were removed neither repeats nor skips the others. Concurrency: none.
template <class Node>
class TmpfsDirectory {
public:
    using Entry = TmpfsEntry<Node>;

    static constexpr std::uint64_t first_cookie = 3;  ///< 1 and 2 stand behind "." and ".."

    [[nodiscard]] bool is_empty() const noexcept { return names_.empty(); }
    /// Names. For onlookers too: any recent value.
    [[nodiscard]] std::uint32_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] Entry* find(std::string_view name) noexcept {
        const auto at = names_.find(Key{Entry::hash_of(name), name}, NameOrder{});
        return at == names_.end() ? nullptr : &*at;
    }
    /// The name must be new here.
    void insert(Entry& entry) noexcept {
        entry.cookie = next_cookie_++;
        names_.insert(entry);
        cookies_.push_back(entry);  // the largest so far
        size_.fetch_add(1, std::memory_order_relaxed);
    }
    void erase(Entry& entry) noexcept {
        names_.erase(names_.iterator_to(entry));
        cookies_.erase(cookies_.iterator_to(entry));
        size_.fetch_sub(1, std::memory_order_relaxed);
    }
    /// Any entry, or null; for taking the directory apart.
    [[nodiscard]] Entry* any() noexcept { return names_.empty() ? nullptr : &*names_.begin(); }
    /// Calls `visit` for the entries behind `cookie` in order, until it returns false.
    template <class Visit>
    void for_each_behind(std::uint64_t cookie, Visit&& visit) noexcept {
        for (auto at = cookies_.upper_bound(cookie, CookieOrder{}); at != cookies_.end(); ++at) {
            if (!visit(*at)) {
                return;
            }
        }
    }

private:
    struct Key {
        std::uint32_t hash;
        std::string_view name;
    };
    struct NameOrder {
        static bool before(std::uint32_t ha, std::string_view a, std::uint32_t hb,
                           std::string_view b) noexcept {
            return ha != hb ? ha < hb : a < b;
        }
        bool operator()(const Entry& a, const Entry& b) const noexcept {
            return before(a.hash, a.name(), b.hash, b.name());
        }
        bool operator()(const Key& a, const Entry& b) const noexcept {
            return before(a.hash, a.name, b.hash, b.name());
        }
        bool operator()(const Entry& a, const Key& b) const noexcept {
            return before(a.hash, a.name(), b.hash, b.name);
        }
    };
    struct CookieOrder {
        bool operator()(const Entry& a, const Entry& b) const noexcept {
            return a.cookie < b.cookie;
        }
        bool operator()(std::uint64_t a, const Entry& b) const noexcept { return a < b.cookie; }
        bool operator()(const Entry& a, std::uint64_t b) const noexcept { return a.cookie < b; }
    };
    template <auto Hook, class Order>
    using Tree = boost::intrusive::set<
        Entry, boost::intrusive::member_hook<Entry, typename Entry::Hook, Hook>,
        boost::intrusive::compare<Order>, boost::intrusive::constant_time_size<false>>;

    Tree<&Entry::by_name, NameOrder> names_;
    Tree<&Entry::by_cookie, CookieOrder> cookies_;
    std::uint64_t next_cookie_ = first_cookie;
    std::atomic<std::uint32_t> size_ = 0;
};

}  // namespace kidney::fs
