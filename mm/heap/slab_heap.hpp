/// The kernel heap as a slab allocator with a magazine of free objects for every CPU and size.
///
/// Theory: Bonwick, "The slab allocator" (1994) and, with Adams, "Magazines and vmem" (2001).
/// allocate() and free() exchange a pointer with the top of an array that only this CPU uses: no
/// lock, no atomic operation, no look at the object or its slab. An empty magazine takes half its
/// capacity from the CPU's own slabs at once, a full one gives its older half back. An object whose
/// slab belongs to another CPU goes home through a ring (remote_ring.hpp). When memory is short
/// another CPU may come and empty the magazines (doorway.hpp).
///
/// Cost: about 12 instructions and a pin; a refill or flush a lock and some 10 instructions an
/// object, once in half a magazine; a new slab up to four blocks of frames asked for. Memory: about
/// 8 % of rounding to classes, 1.6 % of headers, and at most 16 KiB or eight free objects in a
/// magazine. More than 4 KiB: whole frames, unless it is a type that has a cache
/// (object_caches.hpp). Worse than others for: few objects of many sizes, as each size has its own
/// pages.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/hal/doorway.hpp"
#include "kidney/hal/per_cpu.hpp"
#include "kidney/mm/object_caches.hpp"
#include "mm/heap/heap_environment.hpp"
#include "mm/heap/heap_pages.hpp"
#include "mm/heap/object_magazine.hpp"
#include "mm/heap/remote_ring.hpp"
#include "mm/heap/size_classes.hpp"
#include "mm/heap/slab.hpp"
#include "mm/heap/slab_owner.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

/// Concurrency: any thread on any CPU, spin locks of lower rank held or not. From interrupt
/// handlers only if the pin keeps them out: a magazine may be half changed.
template <HeapEnvironment E>
class SlabHeap {
public:
    using Frames = typename E::Frames;
    using Phys = typename E::Phys;
    static constexpr const char* name = "slab";
    static constexpr std::size_t max_object_bytes = HeapPages<E>::largest;

    SlabHeap(Frames& frames, Phys& phys) noexcept : pages_(frames, phys), map_(pages_) {}
    SlabHeap(const SlabHeap&) = delete;
    SlabHeap& operator=(const SlabHeap&) = delete;

    [[nodiscard]] Result<void*> allocate(std::size_t bytes) noexcept {
        KIDNEY_ASSERT(bytes != 0);
        if (bytes > size_classes::largest) [[unlikely]] {
            return allocate_large(bytes);
        }
        return allocate_of(size_classes::index_of(bytes), bytes);
    }

    /// Free of nullptr is not allowed; `bytes` is what allocate() was given.
    void free(void* object, std::size_t bytes) noexcept {
        KIDNEY_ASSERT(object != nullptr && bytes != 0);
        if (bytes > size_classes::largest) [[unlikely]] {
            return free_large(object, bytes);
        }
        free_of(size_classes::index_of(bytes), object, bytes);
    }

    static constexpr std::span<const char* const> caches = object_caches_of<E>();
    [[nodiscard]] Result<void*> allocate_cached(ObjectCache cache, std::size_t bytes) noexcept {
        KIDNEY_ASSERT(cache.value() < caches.size());
        return allocate_of(size_classes::count + cache.value(), bytes);
    }
    void free_cached(ObjectCache cache, void* object, std::size_t bytes) noexcept {
        KIDNEY_ASSERT(cache.value() < caches.size());
        free_of(size_classes::count + cache.value(), object, bytes);
    }

    /// What an object of so many bytes takes, for statistics.
    [[nodiscard]] static constexpr std::size_t granted(std::size_t bytes) noexcept {
        return bytes > size_classes::largest
                   ? HeapPages<E>::granted(bytes)
                   : size_classes::bytes_of(size_classes::index_of(bytes));
    }
    /// Exact while nobody allocates or frees.
    [[nodiscard]] std::size_t used_bytes() const noexcept {
        std::size_t sum = 0;
        locals_.for_each([&sum](const Local& local) noexcept {
            sum += local.used.load(std::memory_order_relaxed);
        });
        return sum;
    }

    /// Empties the magazines of all CPUs and gives all empty slabs back to the frames; returns how
    /// many frames. Cost: every free object, every lock, and a barrier on every CPU.
    std::size_t reclaim() noexcept {
        const typename E::Pin pin;
        {
            const LockGuard guard(visits_);
            visits_.to_all(locals_, [this](Local& local) noexcept { empty_magazines(local); });
        }
        std::size_t frames = 0;
        for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
            Local& local = locals_.of(CpuId(cpu));
            const LockGuard guard(local.owner.lock);
            drain_inbox(local);
            frames += local.owner.trim(pages_, map_);
        }
        return frames;
    }

    /// Cost: all slabs that have room.
    [[nodiscard]] auto report() const noexcept {
        std::array<HeapClassUse, classes> uses{};
        for (std::size_t i = size_classes::count; i < uses.size(); ++i) {
            uses[i].name = caches[i - size_classes::count];
        }
        for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
            const Local& local = locals_.of(CpuId(cpu));
            const LockGuard guard(local.owner.lock);
            local.owner.add_use(uses);
        }
        return uses;
    }

private:
    template <class T>
    using Atomic = typename E::Cpu::template Atomic<T>;
    using Magazine = ObjectMagazine;
    /// The sizes, then the caches.
    static constexpr std::size_t classes = size_classes::count + caches.size();
    static_assert(classes <= 256, "Slab has a byte for it");

    /// What objects of a class are rounded up to.
    [[nodiscard]] static constexpr std::size_t rounded(std::size_t index,
                                                       std::size_t bytes) noexcept {
        constexpr std::size_t granule = size_classes::granule;
        return index < size_classes::count ? size_classes::bytes_of(index)
                                           : (bytes + granule - 1) / granule * granule;
    }

    /// What one CPU has. Others come in through the doorway, and to the owner, under its lock.
    struct Local : hal::Doorway<typename E::Cpu> {
        Local() noexcept { this->close(true); }
        /// Closed: nobody has been here since they were emptied.
        [[nodiscard]] bool is_worth_a_visit() const noexcept { return !this->is_closed(); }

        ObjectMagazines<classes> magazines;
        Atomic<std::size_t> used{0};        ///< allocated here minus freed here, of this CPU: wraps
        Atomic<std::uint32_t> has_mail{0};  ///< there may be something in `inbox`
        alignas(64) SlabOwner<E, classes> owner;
        std::array<RemoteRing<typename E::Cpu>, max_cpus> inbox;  ///< by sender
    };

    [[nodiscard]] CpuId cpu_of(const Local& local) const noexcept {
        std::uint32_t cpu = 0;
        while (&locals_.of(CpuId(cpu)) != &local) {
            ++cpu;
        }
        return CpuId(cpu);
    }
    [[nodiscard, gnu::always_inline]] Result<void*> allocate_of(std::size_t index,
                                                                std::size_t bytes) noexcept {
        const typename E::Pin pin;
        Local& local = locals_.mine();
        Magazine& magazine = local.magazines[index];
        if (local.enter()) [[likely]] {
            void* const object = magazine.pop();
            local.leave();
            if (object != nullptr) [[likely]] {
                add_used(local, bytes);
                return object;
            }
        }
        return allocate_slowly(local, magazine, bytes);
    }
    [[gnu::always_inline]] void free_of(std::size_t index, void* object,
                                        std::size_t bytes) noexcept {
        const typename E::Pin pin;
        Local& local = locals_.mine();
        Magazine& magazine = local.magazines[index];
        add_used(local, std::size_t{0} - bytes);
        if (local.enter()) [[likely]] {
            const bool kept = magazine.push(object);
            local.leave();
            if (kept) [[likely]] {
                return;
            }
        }
        free_slowly(local, magazine, object, bytes);
    }

    /// No read-modify-write: nobody else writes it.
    static void add_used(Local& local, std::size_t bytes) noexcept {
        local.used.store(local.used.load(std::memory_order_relaxed) + bytes,
                         std::memory_order_relaxed);
    }

    /// Whoever comes in here can be visited. Pinned.
    static void enter_slowly(Local& local, Magazine& magazine, std::size_t bytes) noexcept {
        local.enter_patiently();
        if (magazine.capacity() == 0) {
            local.magazines.make_room(magazine, bytes);
        }
        if (local.is_closed()) {
            local.close(false);
        }
    }
    /// Nothing at hand, or a visitor. Pinned.
    [[nodiscard, gnu::noinline]] Result<void*> allocate_slowly(Local& local, Magazine& magazine,
                                                               std::size_t bytes) noexcept {
        enter_slowly(local, magazine, bytes);
        void* object = magazine.pop();
        if (object == nullptr) {
            refill(local, magazine, bytes);
            object = magazine.pop();
        }
        local.leave();
        if (object == nullptr) {
            object = take_from_others(local, magazine, bytes);
        }
        if (object == nullptr) {
            return fail(Errc::no_memory);
        }
        add_used(local, bytes);
        return object;
    }
    /// No room, or a visitor. Pinned.
    [[gnu::noinline]] void free_slowly(Local& local, Magazine& magazine, void* object,
                                       std::size_t bytes) noexcept {
        enter_slowly(local, magazine, bytes);
        if (!magazine.push(object)) {
            flush(local, magazine, magazine.capacity() / 2);
            static_cast<void>(magazine.push(object));
        }
        local.leave();
    }

    /// Into an empty magazine; it stays empty if there is no memory. Inside.
    void refill(Local& local, Magazine& magazine, std::size_t bytes) noexcept {
        const std::size_t index = local.magazines.index_of(magazine);
        const LockGuard guard(local.owner.lock);
        drain_inbox(local, &magazine);
        if (magazine.size() == 0) {
            // The first in address order come out first.
            const std::span<void*> out = magazine.slots().first(magazine.capacity() / 2);
            const std::size_t n =
                local.owner.take(pages_, map_, E::Cpu::id(), index, rounded(index, bytes), out);
            std::reverse(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n));
            magazine.set_size(n);
        }
    }

    /// Memory is short: what others have free, or what is free in other classes. Not inside: who
    /// waits for others' doorways must not keep them waiting at its own.
    [[nodiscard, gnu::noinline]] void* take_from_others(Local& local, Magazine& magazine,
                                                        std::size_t bytes) noexcept {
        static_cast<void>(reclaim());
        const std::size_t index = local.magazines.index_of(magazine);
        const CpuId self = E::Cpu::id();
        for (std::uint32_t n = 0; n < max_cpus; ++n) {
            const CpuId owner((self.value() + n) % max_cpus);  // itself first
            Local& from = locals_.of(owner);
            const LockGuard guard(from.owner.lock);
            void* object = nullptr;
            if (from.owner.take(pages_, map_, owner, index, rounded(index, bytes), {&object, 1}) !=
                0) {
                return object;
            }
        }
        return nullptr;
    }

    /// The `n` oldest objects go back to their slabs. Inside.
    void flush(Local& local, Magazine& magazine, std::size_t n) noexcept {
        const std::size_t index = local.magazines.index_of(magazine);
        const std::span<void*> oldest = magazine.slots().first(n);
        const CpuId cpu = cpu_of(local);
        std::size_t foreign = 0;
        {
            const LockGuard guard(local.owner.lock);
            for (void* const object : oldest) {
                const SlabPlace place = map_.find(object);
                KIDNEY_INVARIANT(place.slab != nullptr, "heap: freed what it never allocated");
                if (place.owner != cpu) {
                    oldest[foreign++] = object;
                    continue;
                }
                KIDNEY_INVARIANT(place.slab->size_class == index, "heap: freed with a wrong size");
                local.owner.give_back(pages_, map_, *place.slab, object);
            }
        }
        for (void* const object : oldest.first(foreign)) {
            send_home(object);
        }
        magazine.drop_oldest(n);
    }

    /// Not under this CPU's lock: two are never held at a time.
    void send_home(void* object) noexcept {
        const SlabPlace place = map_.find(object);
        Local& home = locals_.of(place.owner);
        if (home.inbox[E::Cpu::id().value()].push(object)) [[likely]] {
            home.has_mail.store(1, std::memory_order_release);  // after the object
            return;
        }
        const LockGuard guard(home.owner.lock);
        drain_inbox(home);
        home.owner.give_back(pages_, map_, *place.slab, object);
    }

    /// What others have freed; objects of the class go into the magazine, if there is one.
    void drain_inbox(Local& local, Magazine* magazine = nullptr) noexcept
        REQUIRES(local.owner.lock) {
        // The exchange comes before the look into the rings: what arrives later says so again.
        if (local.has_mail.load(std::memory_order_relaxed) == 0 ||
            local.has_mail.exchange(0, std::memory_order_acq_rel) == 0) {
            return;
        }
        const std::size_t index =
            magazine == nullptr ? classes : local.magazines.index_of(*magazine);
        std::array<void*, 16> objects;
        for (auto& ring : local.inbox) {
            while (const std::size_t n = ring.take(objects)) {
                for (void* const object : std::span(objects).first(n)) {
                    Slab& slab = *map_.find(object).slab;
                    if (slab.size_class != index || !magazine->push(object)) {
                        local.owner.give_back(pages_, map_, slab, object);
                    }
                }
            }
        }
    }

    void empty_magazines(Local& local) noexcept {
        if (local.is_closed()) {
            return;
        }
        for (Magazine& magazine : local.magazines) {
            if (const std::size_t n = magazine.size(); n != 0) {
                flush(local, magazine, n);
            }
        }
        local.close(true);
    }

    [[nodiscard]] Result<void*> allocate_large(std::size_t bytes) noexcept {
        if (bytes > max_object_bytes) {
            return fail(Errc::no_memory);
        }
        const FrameOrder order = HeapPages<E>::order_for(bytes);
        Result<std::byte*> block = pages_.allocate(order);
        if (!block && reclaim() != 0) {
            block = pages_.allocate(order);
        }
        void* const object = TRY(block);
        const typename E::Pin pin;
        add_used(locals_.mine(), bytes);
        return object;
    }
    void free_large(void* object, std::size_t bytes) noexcept {
        pages_.free(object, HeapPages<E>::order_for(bytes));
        const typename E::Pin pin;
        add_used(locals_.mine(), std::size_t{0} - bytes);
    }

    HeapPages<E> pages_;
    SlabMap<E> map_;
    hal::PerCpu<Local, typename E::Cpu> locals_;
    hal::Visits<typename E::Cpu> visits_;
};

/// The slot's entry: a heap needs its environment, so the policy is a family of types.
struct SlabPolicy {
    static constexpr const char* name = "slab";
    template <HeapEnvironment E>
    using Heap = SlabHeap<E>;
};

}  // namespace kidney::mm
