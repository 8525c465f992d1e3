/// A heap that finds who uses its objects wrongly, and tells who has them.
///
///     | allocated at, freed at, size, red zone | the object | red zone |
///
/// A wrapper that models the concept it wraps. Around every object lie red zones that must be as
/// they were when it is freed. A freed object is filled with poison and waits in a quarantine,
/// where the poison must stay whole, before its memory is used again: so a second free and a write
/// after the free are found while it is still known where the object was allocated and where it was
/// freed. The live objects are counted by the place that allocated them: what is left when all
/// should be gone is the leak report.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <utility>

namespace kidney::mm {

/// Somebody broke the contract. Places are return addresses: the instruction after the call.
struct HeapMisuse {
    const char* what;  ///< "freed twice"
    const void* object;
    std::size_t bytes;
    std::uintptr_t allocated_at;
    std::uintptr_t freed_at;    ///< 0: it is not
    std::uintptr_t noticed_at;  ///< the second free, or whoever came next
};

/// Where misuse is reported to. If misuse() returns, the heap leaves the object alone from then on.
template <class R>
concept HeapReports = requires(const HeapMisuse& misuse) {
    { R::misuse(misuse) } noexcept;
};

/// The live objects that one place has allocated.
struct HeapSite {
    std::uintptr_t at = 0;  ///< return address; 0: places for which the table had no room
    std::size_t objects = 0;
    std::size_t bytes = 0;
};

/// Concurrency: as `Base`; `Lock` is never held while `Base` is called. Cost: filling and checking
/// the objects, a lock, and the search in a hash table. Memory: 24 bytes an object (40 on a 64-bit
/// host) and the quarantine, which is emptied when memory is short.
template <ObjectAllocator Base, HeapReports Reports, BasicLockable Lock>
class DebugHeap : public Base {
public:
    using Base::Base;
    static constexpr std::size_t zone_bytes = 8;

private:
    /// In front of every object.
    struct alignas(16) Header {
        std::uint32_t bytes;
        std::uintptr_t allocated_at;
        std::uintptr_t freed_at;
        std::array<std::byte, sizeof(void*)> red_zone;

        [[nodiscard]] std::byte* object() noexcept {
            return reinterpret_cast<std::byte*>(this) + sizeof(Header);
        }
    };
    static constexpr std::size_t overhead = sizeof(Header) + zone_bytes;

public:
    static constexpr std::size_t max_object_bytes = Base::max_object_bytes - overhead;
    static constexpr std::size_t most_sites = 512;

    [[nodiscard, gnu::noinline]] Result<void*> allocate(std::size_t bytes) noexcept {
        const auto site = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
        if (bytes > max_object_bytes) {
            return fail(Errc::no_memory);
        }
        Result<void*> place = Base::allocate(bytes + overhead);
        if (!place && empty_quarantine(site) != 0) {
            place = Base::allocate(bytes + overhead);
        }
        auto* const header =
            ::new (TRY(place)) Header{static_cast<std::uint32_t>(bytes), site, 0, {}};
        header->red_zone.fill(zone_pattern);
        std::memset(header->object(), std::to_integer<int>(fresh_pattern), poisoned(bytes));
        std::memset(header->object() + bytes, std::to_integer<int>(zone_pattern), zone_bytes);
        const LockGuard guard(lock_);
        count(site, 1, bytes);
        return header->object();
    }

    [[gnu::noinline]] void free(void* object, std::size_t bytes) noexcept {
        const auto site = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
        Header& header =
            *reinterpret_cast<Header*>(static_cast<std::byte*>(object) - sizeof(Header));
        if (!is_live(header, bytes, site)) {
            return;
        }
        header.freed_at = site;
        header.red_zone.fill(poison_pattern);
        std::memset(object, std::to_integer<int>(poison_pattern), poisoned(bytes));
        if (Header* const oldest = enter_quarantine(header); oldest != nullptr) {
            end(*oldest, site);
        }
        while (Header* const oldest = leave_quarantine(most_quarantined_bytes)) {
            end(*oldest, site);
        }
    }

    [[nodiscard]] std::size_t used_bytes() const noexcept {
        const LockGuard guard(lock_);
        return used_bytes_;
    }

    /// Every freed object's memory goes back to `Base`; returns how many. Checks them.
    std::size_t empty_quarantine() noexcept {
        return empty_quarantine(reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)));
    }

    /// What it and `Base` keep for later.
    std::size_t reclaim() noexcept
        requires ReclaimableHeap<Base>
    {
        empty_quarantine();
        return Base::reclaim();
    }

    /// The n-th place that has allocated, for n below most_sites; live objects only.
    [[nodiscard]] HeapSite site(std::size_t n) const noexcept {
        const LockGuard guard(lock_);
        return sites_[n];
    }

private:
    static constexpr std::byte zone_pattern{0xFD};
    static constexpr std::byte fresh_pattern{0xCD};
    static constexpr std::byte poison_pattern{0xDD};
    static constexpr std::size_t most_quarantined = 256;
    static constexpr std::size_t most_quarantined_bytes = std::size_t{64} * 1024;

    /// So much of an object is filled: large ones stay cheap.
    [[nodiscard]] static std::size_t poisoned(std::size_t bytes) noexcept {
        return std::min<std::size_t>(bytes, 512);
    }
    [[nodiscard]] static bool is_all(std::span<const std::byte> bytes, std::byte pattern) noexcept {
        return std::all_of(bytes.begin(), bytes.end(),
                           [pattern](std::byte b) { return b == pattern; });
    }
    [[nodiscard]] static bool expect(bool held, const char* what, Header& header,
                                     std::uintptr_t noticed_at) noexcept {
        if (!held) [[unlikely]] {
            Reports::misuse({what, header.object(), header.bytes, header.allocated_at,
                             header.freed_at, noticed_at});
        }
        return held;
    }

    [[nodiscard]] static bool is_live(Header& header, std::size_t bytes,
                                      std::uintptr_t site) noexcept {
        return expect(!is_all(header.red_zone, poison_pattern), "freed twice", header, site) &&
               expect(is_all(header.red_zone, zone_pattern),
                      "written before its start, or not an object", header, site) &&
               expect(header.bytes == bytes, "freed with a wrong size", header, site) &&
               expect(is_all({header.object() + bytes, zone_bytes}, zone_pattern),
                      "written past its end", header, site);
    }
    /// The quarantine is over.
    void end(Header& header, std::uintptr_t site) noexcept {
        if (expect(is_all(header.red_zone, poison_pattern) &&
                       is_all({header.object(), poisoned(header.bytes)}, poison_pattern) &&
                       is_all({header.object() + header.bytes, zone_bytes}, zone_pattern),
                   "written after it was freed", header, site)) {
            Base::free(&header, header.bytes + overhead);
        }
    }

    /// The oldest one comes out if there is no place for both.
    [[nodiscard]] Header* enter_quarantine(Header& header) noexcept {
        const LockGuard guard(lock_);
        count(header.allocated_at, std::size_t{0} - 1, std::size_t{0} - header.bytes);
        Header* const oldest = length_ == most_quarantined ? take_oldest() : nullptr;
        quarantine_[(oldest_ + length_++) % most_quarantined] = &header;
        quarantined_bytes_ += header.bytes;
        return oldest;
    }
    /// The oldest one, while there are more than so many bytes; else null.
    [[nodiscard]] Header* leave_quarantine(std::size_t most_bytes) noexcept {
        const LockGuard guard(lock_);
        return quarantined_bytes_ > most_bytes ? take_oldest() : nullptr;
    }
    [[nodiscard]] Header* take_oldest() noexcept REQUIRES(lock_) {
        Header* const header = quarantine_[oldest_];
        oldest_ = (oldest_ + 1) % most_quarantined;
        --length_;
        quarantined_bytes_ -= header->bytes;
        return header;
    }
    std::size_t empty_quarantine(std::uintptr_t site) noexcept {
        std::size_t ended = 0;
        while (Header* const oldest = leave_quarantine(0)) {
            end(*oldest, site);
            ++ended;
        }
        return ended;
    }

    void count(std::uintptr_t at, std::size_t objects, std::size_t bytes) noexcept REQUIRES(lock_) {
        used_bytes_ += bytes;
        HeapSite& site = sites_[place_of(at)];
        site.objects += objects;
        site.bytes += bytes;
    }
    /// Open addressing. An entry stays for good, so a place is found where it was put; who had no
    /// room is with the others, in entry 0.
    [[nodiscard]] std::size_t place_of(std::uintptr_t at) noexcept REQUIRES(lock_) {
        constexpr std::size_t places = most_sites - 1;
        std::size_t n = (at >> 2) % places;
        for (std::size_t looks = 0; looks < places; ++looks, n = (n + 1) % places) {
            if (sites_[n + 1].at == 0) {
                sites_[n + 1].at = at;
            }
            if (sites_[n + 1].at == at) {
                return n + 1;
            }
        }
        return 0;
    }

    mutable Lock lock_;
    std::array<Header*, most_quarantined> quarantine_ GUARDED_BY(lock_){};  ///< a ring
    std::size_t oldest_ GUARDED_BY(lock_) = 0;
    std::size_t length_ GUARDED_BY(lock_) = 0;
    std::size_t quarantined_bytes_ GUARDED_BY(lock_) = 0;
    std::array<HeapSite, most_sites> sites_ GUARDED_BY(lock_){};
    std::size_t used_bytes_ GUARDED_BY(lock_) = 0;
};

}  // namespace kidney::mm
