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
///
/// It is meant to run always, on many CPUs, and one lock around all of it would make the system
/// wait in turn: so each CPU has its own counts (heap_sites.hpp) and its own lane of the quarantine
/// (quarantine.hpp), and whoever runs short of memory goes round and empties all lanes.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/doorway.hpp"
#include "kidney/hal/per_cpu.hpp"
#include "kidney/mm/object_caches.hpp"
#include "mm/heap/heap_sites.hpp"
#include "mm/heap/quarantine.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>

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

/// Concurrency: as `Base`; `Pin` as for its magazines, if it has any. Cost: filling and checking
/// the objects, an exchange in the freed one, and a look into a hash table; no lock. Memory: 24
/// bytes an object (40 on a 64-bit host), 34 KiB of counts, and for each CPU at most 128 objects
/// and 32 KiB in quarantine, which is emptied when memory is short.
template <ObjectAllocator Base, HeapReports Reports, class Cpu, hal::CpuPin Pin>
    requires hal::CpuIdentity<Cpu> && hal::AtomicsProvider<Cpu>
class DebugHeap : public Base {
public:
    using Base::Base;
    static constexpr std::size_t zone_bytes = 8;

private:
    /// In front of every object.
    struct alignas(16) Header {
        std::uint32_t bytes : 24;
        std::uint32_t home : 8;
        std::uintptr_t allocated_at;
        std::uintptr_t freed_at;
        /// zone_word while the object lives, then poison_word: of two who free it at the same
        /// time one comes second.
        typename Cpu::template Atomic<std::uintptr_t> red_zone;

        [[nodiscard]] std::byte* object() noexcept {
            return reinterpret_cast<std::byte*>(this) + sizeof(Header);
        }
    };
    static constexpr std::size_t overhead = sizeof(Header) + zone_bytes;
    static_assert(Base::max_object_bytes < std::size_t{1} << 24, "Header has 24 bits for it");
    /// The cache that an object comes from, and 1; or none.
    using Home = std::uint8_t;
    static constexpr Home no_cache = 0;
    [[nodiscard]] static constexpr Home home_of(ObjectCache cache) noexcept {
        return static_cast<Home>(cache.value() + 1);
    }

public:
    static constexpr std::size_t max_object_bytes = Base::max_object_bytes - overhead;
    static constexpr std::size_t most_sites = HeapSites<Cpu>::most;

    [[nodiscard, gnu::noinline]] Result<void*> allocate(std::size_t bytes) noexcept {
        return allocate_at(reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)), no_cache,
                           bytes);
    }
    [[gnu::noinline]] void free(void* object, std::size_t bytes) noexcept {
        free_at(reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)), no_cache, object,
                bytes);
    }
    [[nodiscard, gnu::noinline]] Result<void*> allocate_cached(ObjectCache cache,
                                                               std::size_t bytes) noexcept
        requires CachingHeap<Base>
    {
        return allocate_at(reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)),
                           home_of(cache), bytes);
    }
    [[gnu::noinline]] void free_cached(ObjectCache cache, void* object, std::size_t bytes) noexcept
        requires CachingHeap<Base>
    {
        free_at(reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)), home_of(cache),
                object, bytes);
    }

    [[nodiscard]] std::size_t used_bytes() const noexcept { return sites_.bytes(); }

    /// What an object of so many bytes takes, if `Base` tells.
    [[nodiscard]] static constexpr std::size_t granted(std::size_t bytes) noexcept
        requires requires { Base::granted(bytes); }
    {
        return Base::granted(bytes + overhead);
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
    [[nodiscard]] HeapSite site(std::size_t n) const noexcept { return sites_.site(n); }

private:
    static constexpr std::byte zone_pattern{0xFD};
    static constexpr std::byte fresh_pattern{0xCD};
    static constexpr std::byte poison_pattern{0xDD};
    static constexpr auto words = [](std::byte pattern) {
        return ~std::uintptr_t{0} / 0xff * std::to_integer<std::uintptr_t>(pattern);
    };
    static constexpr std::uintptr_t zone_word = words(zone_pattern);
    static constexpr std::uintptr_t poison_word = words(poison_pattern);
    static constexpr const char* freed_twice = "freed twice";

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

    [[nodiscard]] Result<void*> take(Home home, std::size_t bytes) noexcept {
        if constexpr (CachingHeap<Base>) {
            if (home != no_cache) {
                return Base::allocate_cached(ObjectCache(home - 1U), bytes);
            }
        }
        return Base::allocate(bytes);
    }
    [[nodiscard]] Result<void*> allocate_at(std::uintptr_t site, Home home,
                                            std::size_t bytes) noexcept {
        if (bytes > max_object_bytes) {
            return fail(Errc::no_memory);
        }
        Result<void*> place = take(home, bytes + overhead);
        if (!place && empty_quarantine(site) != 0) {
            place = take(home, bytes + overhead);
        }
        auto* const header = ::new (TRY(place))
            Header{static_cast<std::uint32_t>(bytes), home, site, 0, {zone_word}};
        std::memset(header->object(), std::to_integer<int>(fresh_pattern), poisoned(bytes));
        std::memset(header->object() + bytes, std::to_integer<int>(zone_pattern), zone_bytes);
        const Pin pin;
        sites_.count(site, 1, bytes);
        return header->object();
    }
    void free_at(std::uintptr_t site, Home home, void* object, std::size_t bytes) noexcept {
        Header& header =
            *reinterpret_cast<Header*>(static_cast<std::byte*>(object) - sizeof(Header));
        if (!is_live(header, home, bytes, site) ||
            !expect(header.red_zone.exchange(poison_word) == zone_word, freed_twice, header,
                    site)) {
            return;
        }
        header.freed_at = site;
        std::memset(object, std::to_integer<int>(poison_pattern), poisoned(bytes));
        for (Header* due = enter_quarantine(header); due != nullptr; due = leave_quarantine()) {
            end(*due, site);
        }
    }

    [[nodiscard]] static bool is_live(Header& header, Home home, std::size_t bytes,
                                      std::uintptr_t site) noexcept {
        const std::uintptr_t red_zone = header.red_zone.load(std::memory_order_relaxed);
        return expect(red_zone != poison_word, freed_twice, header, site) &&
               expect(red_zone == zone_word, "written before its start, or not an object", header,
                      site) &&
               expect(header.bytes == bytes, "freed with a wrong size", header, site) &&
               expect(header.home == home, "freed as an object of another type", header, site) &&
               expect(is_all({header.object() + bytes, zone_bytes}, zone_pattern),
                      "written past its end", header, site);
    }
    /// The quarantine is over.
    void end(Header& header, std::uintptr_t site) noexcept {
        if (expect(header.red_zone.load(std::memory_order_relaxed) == poison_word &&
                       is_all({header.object(), poisoned(header.bytes)}, poison_pattern) &&
                       is_all({header.object() + header.bytes, zone_bytes}, zone_pattern),
                   "written after it was freed", header, site)) {
            const std::size_t bytes = header.bytes + overhead;
            if constexpr (CachingHeap<Base>) {
                if (header.home != no_cache) {
                    return Base::free_cached(ObjectCache(header.home - 1U), &header, bytes);
                }
            }
            Base::free(&header, bytes);
        }
    }

    /// Returns whose time is over now, or null.
    [[nodiscard]] Header* enter_quarantine(Header& header) noexcept {
        const Pin pin;
        sites_.count(header.allocated_at, std::size_t{0} - 1, std::size_t{0} - header.bytes);
        Lane& lane = lanes_.mine();
        lane.enter_patiently();
        lane.push(header);
        Header* const due = lane.pop_surplus();
        lane.leave();
        return due;
    }
    [[nodiscard]] Header* leave_quarantine() noexcept {
        const Pin pin;
        Lane& lane = lanes_.mine();
        lane.enter_patiently();
        Header* const due = lane.pop_surplus();
        lane.leave();
        return due;
    }
    std::size_t empty_quarantine(std::uintptr_t site) noexcept {
        std::size_t ended = 0;
        const Pin pin;
        const LockGuard guard(visits_);
        visits_.to_all(lanes_, [&](Lane& lane) noexcept {
            while (Header* const oldest = lane.pop()) {
                end(*oldest, site);
                ++ended;
            }
        });
        return ended;
    }

    using Lane = QuarantineLane<Cpu, Header>;
    HeapSites<Cpu> sites_;
    hal::PerCpu<Lane, Cpu> lanes_;
    hal::Visits<Cpu> visits_;
};

}  // namespace kidney::mm
