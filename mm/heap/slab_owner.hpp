/// The slabs of one CPU, by class: a size, or a type (object_caches.hpp).
///
/// Only the owner allocates from them while there is memory, so that objects of two CPUs do not
/// share cache lines and the lock has no second customer. Others take it when memory is short.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/thread_safety.hpp"
#include "mm/heap/heap_pages.hpp"
#include "mm/heap/size_classes.hpp"
#include "mm/heap/slab.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

namespace kidney::mm {

/// What one size class holds; for /proc.
struct HeapClassUse {
    const char* name = nullptr;  ///< of the type whose cache it is; null: a size's
    std::size_t object_bytes = 0;
    std::size_t objects = 0;  ///< that the slabs have room for
    std::size_t active = 0;   ///< of these handed out, to owners or to magazines
    std::size_t slabs = 0;
    std::size_t pages = 0;  ///< of all slabs
};

/// Concurrency: `lock` is held around every call. Cost: take() and give_back() a few instructions
/// an object, and at most one new or returned slab a call.
template <HeapEnvironment E, std::size_t Classes>
class SlabOwner {
public:
    /// Takes objects of `bytes`, always the same of a class and a multiple of a granule, at most
    /// out.size(), in address order within a slab; returns how many: 0 when there is no memory, and
    /// fewer than asked for before it makes a second slab.
    std::size_t take(HeapPages<E>& pages, SlabMap<E>& map, CpuId self, std::size_t index,
                     std::size_t bytes, std::span<void*> out) noexcept REQUIRES(lock) {
        Class& c = classes_[index];
        c.holds(bytes);
        std::size_t n = 0;
        while (n < out.size()) {
            if (c.open.empty() && (n != 0 || !open_slab(pages, map, self, index))) {
                break;
            }
            Slab& slab = c.open.front();
            n += slab.take(out.subspan(n), bytes);
            if (slab.free_objects == 0) {
                c.open.pop_front();
            }
        }
        return n;
    }

    void give_back(HeapPages<E>& pages, SlabMap<E>& map, Slab& slab, void* object) noexcept
        REQUIRES(lock) {
        Class& c = classes_[slab.size_class];
        slab.give_back(c.index_in(slab, object));
        if (slab.is_empty()) {
            if (slab.objects > 1) {
                c.open.erase(c.open.iterator_to(slab));
            }
            // One empty slab is kept: the next one of the class will want it.
            if (c.spare == nullptr) {
                c.spare = &slab;
            } else {
                destroy(pages, map, slab);
            }
        } else if (slab.free_objects == 1) {
            c.open.push_back(slab);
        }
    }

    /// Gives the spare slabs back to the frames; returns how many frames.
    std::size_t trim(HeapPages<E>& pages, SlabMap<E>& map) noexcept REQUIRES(lock) {
        std::size_t frames = 0;
        for (Class& c : classes_) {
            if (c.spare != nullptr) {
                frames += std::size_t{1} << c.spare->order;
                destroy(pages, map, *std::exchange(c.spare, nullptr));
            }
        }
        return frames;
    }

    void add_use(std::span<HeapClassUse, Classes> uses) const noexcept REQUIRES(lock) {
        for (std::size_t i = 0; i < uses.size(); ++i) {
            const Class& c = classes_[i];
            uses[i].object_bytes = std::max(uses[i].object_bytes, c.bytes());
            uses[i].objects += c.objects;
            uses[i].slabs += c.slabs;
            uses[i].pages += c.pages;
            std::size_t free = c.spare != nullptr ? c.spare->objects : 0;
            for (const Slab& slab : c.open) {
                free += slab.free_objects;
            }
            uses[i].active += c.objects - free;
        }
    }

    mutable typename E::Lock lock;

private:
    /// Objects of one size: nobody has asked for any yet, or it is known.
    class Class {
    public:
        SlabList open;          ///< slabs with room; allocations come from the first
        Slab* spare = nullptr;  ///< one empty slab; not on the list
        std::size_t objects = 0;
        std::size_t slabs = 0;
        std::size_t pages = 0;

        [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
        void holds(std::size_t bytes) noexcept {
            if (bytes_ == 0) {
                const auto units = static_cast<std::uint32_t>(bytes / size_classes::granule);
                bytes_ = bytes;
                reciprocal_ = ((std::uint32_t{1} << 19) + units - 1) / units;
            }
            KIDNEY_INVARIANT(bytes_ == bytes, "heap: a cache's objects are all of one size");
        }
        /// offset / bytes without a division: both are multiples of a granule, and 2^19 is more
        /// than the product of the largest ones, so the rounded reciprocal gives the exact
        /// quotient.
        [[nodiscard]] std::size_t index_in(const Slab& slab, const void* object) const noexcept {
            const auto offset =
                static_cast<std::uint32_t>(static_cast<const std::byte*>(object) - slab.first);
            const std::size_t index =
                static_cast<std::uint32_t>(offset / size_classes::granule) * reciprocal_ >> 19;
            KIDNEY_INVARIANT(index * bytes_ == offset, "heap: not the start of an object");
            return index;
        }

    private:
        std::uint32_t reciprocal_ = 0;
        std::size_t bytes_ = 0;
    };

    /// Where a slab wastes less than 3 %. A smaller one will do when memory is in pieces.
    [[nodiscard]] static constexpr FrameOrder best_order(std::size_t bytes) noexcept {
        return FrameOrder(bytes <= 256 ? 0 : bytes <= 1024 ? 2 : 3);
    }
    [[nodiscard]] bool open_slab(HeapPages<E>& pages, SlabMap<E>& map, CpuId self,
                                 std::size_t index) noexcept REQUIRES(lock) {
        Class& c = classes_[index];
        if (c.spare == nullptr) {
            const Result<Slab*> made = new_slab(pages, map, self, index);
            if (!made) {
                return false;
            }
            c.spare = *made;
            c.objects += c.spare->objects;
            ++c.slabs;
            c.pages += std::size_t{1} << c.spare->order;
        }
        c.open.push_front(*std::exchange(c.spare, nullptr));
        return true;
    }

    Result<Slab*> new_slab(HeapPages<E>& pages, SlabMap<E>& map, CpuId self,
                           std::size_t index) noexcept REQUIRES(lock) {
        const std::size_t bytes = classes_[index].bytes();
        Slab* const slab = TRY(new_header(pages));
        FrameOrder order = best_order(bytes);
        Result<std::byte*> block = pages.allocate(order);
        while (!block && order.value() != 0) {
            order = FrameOrder(static_cast<std::uint8_t>(order.value() - 1));
            block = pages.allocate(order);
        }
        if (!block) {
            free_header(pages, *slab);
            return fail(Errc::no_memory);
        }
        slab->first = *block;
        slab->order = order.value();
        slab->size_class = static_cast<std::uint8_t>(index);
        slab->fill(HeapPages<E>::bytes_of(order) / bytes);
        if (!map.note(*slab, self)) {
            pages.free(*block, order);
            free_header(pages, *slab);
            return fail(Errc::no_memory);
        }
        return slab;
    }

    void destroy(HeapPages<E>& pages, SlabMap<E>& map, Slab& slab) noexcept REQUIRES(lock) {
        Class& c = classes_[slab.size_class];
        c.objects -= slab.objects;
        --c.slabs;
        c.pages -= std::size_t{1} << slab.order;
        map.forget(slab);
        pages.free(slab.first, FrameOrder(slab.order));
        free_header(pages, slab);
    }

    /// Headers are objects of slabs themselves: pages of them, whose own header is the first.
    Result<Slab*> new_header(HeapPages<E>& pages) noexcept REQUIRES(lock) {
        if (headers_.empty()) {
            auto* const page = ::new (TRY(pages.allocate(FrameOrder(0)))) Slab;
            page->first = reinterpret_cast<std::byte*>(page);
            page->fill(page_size / sizeof(Slab));
            void* own = nullptr;
            page->take({&own, 1}, sizeof(Slab));
            headers_.push_front(*page);
        }
        Slab& page = headers_.front();
        void* place = nullptr;
        page.take({&place, 1}, sizeof(Slab));
        if (page.free_objects == 0) {
            headers_.pop_front();
        }
        return ::new (place) Slab;
    }
    void free_header(HeapPages<E>& pages, Slab& slab) noexcept REQUIRES(lock) {
        const auto address = reinterpret_cast<std::uintptr_t>(&slab);
        Slab& page = *reinterpret_cast<Slab*>(address & ~std::uintptr_t{page_size - 1});
        page.give_back(address % page_size / sizeof(Slab));
        if (page.free_objects == 1) {
            headers_.push_back(page);
        } else if (page.free_objects == page.objects - 1) {
            headers_.erase(headers_.iterator_to(page));
            pages.free(&page, FrameOrder(0));
        }
    }

    std::array<Class, Classes> classes_ GUARDED_BY(lock){};
    SlabList headers_ GUARDED_BY(lock);  ///< pages with room for one
};

}  // namespace kidney::mm
