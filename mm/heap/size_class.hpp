/// The kernel heap as a slab allocator with size classes.
///
/// A slab is a naturally aligned block of frames cut into equal objects, with its header at the
/// start: the slab of an object is a mask away, the class follows from the size that free() is
/// given, so neither needs a lookup. Objects of more than 2 KiB get frames of their own. A slab
/// hands out untouched objects in address order first, then freed ones, last in first out; an empty
/// slab goes back to the frames, except one per class that is kept to avoid flapping.
///
/// Debug builds poison freed objects and fence each one with a red zone, so use after free and
/// overruns stop at the next allocate() or free() of that object.
/// Cost: O(1), about 25 instructions and a lock; a new slab costs one block of frames.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "mm/heap/heap_debug.hpp"
#include "mm/heap/size_classes.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// What one size class holds; for the leak report and /proc.
struct HeapClassUse {
    std::size_t object_bytes = 0;
    std::size_t live_objects = 0;
    std::size_t slabs = 0;
};

/// `Frames` hands out contiguous blocks of direct frames.
template <class Frames, hal::PhysMap Phys, BasicLockable Lock>
    requires FrameSource<Frames> && FrameSink<Frames>
class SizeClassHeap {
public:
    static constexpr const char* name = "size_class";
    static constexpr std::size_t max_object_bytes = std::size_t{max_order.frames()} * page_size;

    constexpr SizeClassHeap(Frames& frames, Phys& phys) noexcept : frames_(frames), phys_(phys) {}
    SizeClassHeap(const SizeClassHeap&) = delete;
    SizeClassHeap& operator=(const SizeClassHeap&) = delete;

    [[nodiscard]] Result<void*> allocate(std::size_t bytes) noexcept EXCLUDES(lock_) {
        KIDNEY_ASSERT(bytes != 0);
        if (bytes > max_object_bytes) {
            return fail(Errc::no_memory);
        }
        const LockGuard guard(lock_);
        void* object = nullptr;
        if (const std::size_t fenced = bytes + red_zone_bytes; fenced <= size_classes::largest) {
            object = TRY(take(classes_[size_classes::index_of(fenced)],
                              size_classes::bytes_of(size_classes::index_of(fenced))));
            fence(object, bytes);
        } else {
            object = phys_.direct(TRY(frames_.allocate(order_for(bytes)))).data();
            ++large_objects_;
        }
        used_bytes_ += bytes;
        return object;
    }

    /// Free of nullptr is not allowed; `bytes` is what allocate() was given.
    void free(void* object, std::size_t bytes) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        KIDNEY_INVARIANT(used_bytes_ >= bytes, "heap: more freed than allocated");
        used_bytes_ -= bytes;
        if (const std::size_t fenced = bytes + red_zone_bytes; fenced <= size_classes::largest) {
            const std::size_t index = size_classes::index_of(fenced);
            check_fence(object, bytes);
            give_back(classes_[index], size_classes::bytes_of(index), object);
        } else {
            --large_objects_;
            frames_.free(frame_of(object), order_for(bytes));
        }
    }

    [[nodiscard]] std::size_t used_bytes() const noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return used_bytes_;
    }
    [[nodiscard]] std::size_t large_objects() const noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return large_objects_;
    }
    [[nodiscard]] std::array<HeapClassUse, size_classes::count> report() const noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        std::array<HeapClassUse, size_classes::count> use{};
        for (std::size_t i = 0; i < use.size(); ++i) {
            use[i] = {size_classes::bytes_of(i), classes_[i].live, classes_[i].slabs};
        }
        return use;
    }

private:
    /// A free object.
    struct FreeObject {
        FreeObject* next;
    };
    /// Header at the start of every slab. The slab is on its class's list while it has room.
    struct Slab {
        Slab* next;
        Slab* previous;
        FreeObject* freed;           ///< returned objects
        std::uint32_t untouched;     ///< offset of the first object that was never handed out
        std::uint32_t live;          ///< objects handed out
        FrameNumber frame;           ///< the slab's first frame
        std::uint32_t object_bytes;  ///< for the check that free() was told the right size
    };
    struct Class {
        Slab* open = nullptr;   ///< slabs with room; allocations come from the first
        Slab* spare = nullptr;  ///< one empty slab; not on the list
        std::size_t live = 0;
        std::size_t slabs = 0;
    };

    [[nodiscard]] static constexpr FrameOrder slab_order(std::size_t object_bytes) noexcept {
        // At least seven objects in a slab.
        return FrameOrder(object_bytes <= 512 ? 0 : 2);
    }
    [[nodiscard]] static constexpr std::size_t slab_bytes(std::size_t object_bytes) noexcept {
        return std::size_t{slab_order(object_bytes).frames()} * page_size;
    }
    [[nodiscard]] static constexpr FrameOrder order_for(std::size_t bytes) noexcept {
        const std::size_t pages = (bytes + page_size - 1) / page_size;
        return FrameOrder(static_cast<std::uint8_t>(std::bit_width(pages - 1)));
    }
    [[nodiscard]] static constexpr std::uint32_t first_object() noexcept {
        return (sizeof(Slab) + size_classes::granule - 1) & ~(size_classes::granule - 1);
    }
    /// Frame of a direct address. The direct map is linear: measured from frame 0.
    [[nodiscard]] FrameNumber frame_of(void* object) noexcept {
        const std::byte* base = phys_.direct(FrameNumber(0)).data();
        return FrameNumber(static_cast<std::uint32_t>(static_cast<std::byte*>(object) - base) >>
                           page_shift);
    }

    Result<void*> take(Class& c, std::size_t object_bytes) noexcept REQUIRES(lock_) {
        if (c.open == nullptr) [[unlikely]] {
            link(c, c.spare != nullptr ? std::exchange(c.spare, nullptr)
                                       : TRY(new_slab(c, object_bytes)));
        }
        Slab& slab = *c.open;
        void* object = nullptr;
        if (slab.freed != nullptr) {
            object = slab.freed;
            slab.freed = slab.freed->next;
            check_poison(object, object_bytes);
        } else {
            object = reinterpret_cast<std::byte*>(&slab) + slab.untouched;
            slab.untouched += static_cast<std::uint32_t>(object_bytes);
        }
        ++slab.live;
        ++c.live;
        if (!has_room(slab, object_bytes)) {
            unlink(c, slab);
        }
        return object;
    }

    void give_back(Class& c, std::size_t object_bytes, void* object) noexcept REQUIRES(lock_) {
        const std::uintptr_t mask = slab_bytes(object_bytes) - 1;
        auto& slab = *reinterpret_cast<Slab*>(reinterpret_cast<std::uintptr_t>(object) & ~mask);
        KIDNEY_INVARIANT(slab.object_bytes == object_bytes && slab.live != 0,
                         "heap: freed with the wrong size, or twice");
        if (!has_room(slab, object_bytes)) {
            link(c, &slab);
        }
        poison(object, object_bytes);
        auto* freed = static_cast<FreeObject*>(object);
        freed->next = slab.freed;
        slab.freed = freed;
        --c.live;
        if (--slab.live == 0) {
            unlink(c, slab);
            if (c.spare == nullptr) {
                c.spare = &slab;
            } else {
                --c.slabs;
                slab.object_bytes = 0;
                frames_.free(slab.frame, slab_order(object_bytes));
            }
        }
    }

    [[nodiscard]] static bool has_room(const Slab& slab, std::size_t object_bytes) noexcept {
        return slab.freed != nullptr || slab.untouched + object_bytes <= slab_bytes(object_bytes);
    }

    Result<Slab*> new_slab(Class& c, std::size_t object_bytes) noexcept REQUIRES(lock_) {
        const FrameNumber frame = TRY(frames_.allocate(slab_order(object_bytes)));
        auto* slab = reinterpret_cast<Slab*>(phys_.direct(frame).data());
        *slab = {nullptr,
                 nullptr,
                 nullptr,
                 first_object(),
                 0,
                 frame,
                 static_cast<std::uint32_t>(object_bytes)};
        ++c.slabs;
        return slab;
    }

    void link(Class& c, Slab* slab) noexcept REQUIRES(lock_) {
        slab->previous = nullptr;
        slab->next = c.open;
        if (c.open != nullptr) {
            c.open->previous = slab;
        }
        c.open = slab;
    }
    void unlink(Class& c, Slab& slab) noexcept REQUIRES(lock_) {
        if (slab.next != nullptr) {
            slab.next->previous = slab.previous;
        }
        (slab.previous != nullptr ? slab.previous->next : c.open) = slab.next;
    }

    Frames& frames_;
    Phys& phys_;
    mutable Lock lock_;
    std::array<Class, size_classes::count> classes_ GUARDED_BY(lock_){};
    std::size_t used_bytes_ GUARDED_BY(lock_) = 0;
    std::size_t large_objects_ GUARDED_BY(lock_) = 0;
};

/// The slot's entry: a heap needs its frames, so the policy is a family of types.
struct SizeClass {
    static constexpr const char* name = "size_class";
    template <class Frames, hal::PhysMap Phys, BasicLockable Lock>
    using Heap = SizeClassHeap<Frames, Phys, Lock>;
};

}  // namespace kidney::mm
