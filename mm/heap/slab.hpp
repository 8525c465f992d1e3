/// A slab: a block of frames cut into equal objects; and the map from an object to its slab.
///
/// The header lies outside of the slab, so that objects of a power of two fill it to the brim and
/// headers share no cache set. It has a bit for every object, so the heap never reads or writes a
/// free object: freeing costs no miss on a cold one, and who writes to freed memory harms nobody
/// but the next owner.
#pragma once

#include "kidney/core/assert.hpp"
#include "mm/heap/heap_pages.hpp"
#include "mm/heap/size_classes.hpp"

#include <boost/intrusive/list.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

namespace kidney::mm {

struct alignas(64) Slab {
    static constexpr std::size_t most_objects = 256;
    using Hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::normal_link>>;

    Hook hook;                   ///< on its owner's list while it has a free object
    std::byte* first = nullptr;  ///< the first object
    std::uint16_t objects = 0;
    std::uint16_t free_objects = 0;
    std::uint8_t size_class = 0;
    std::uint8_t order = 0;                               ///< of its block of frames
    std::array<std::uint32_t, most_objects / 32> free{};  ///< a bit for each object

    /// All `n` objects become free.
    void fill(std::size_t n) noexcept {
        objects = free_objects = static_cast<std::uint16_t>(n);
        for (std::size_t i = 0; i < free.size(); ++i) {
            const std::size_t here = n - std::min(n, i * 32);
            free[i] = here >= 32 ? ~std::uint32_t{0} : (std::uint32_t{1} << here) - 1;
        }
    }
    /// Takes objects in address order, at most out.size(); returns how many.
    std::size_t take(std::span<void*> out, std::size_t bytes) noexcept {
        std::size_t n = 0;
        for (std::size_t word = 0; n < out.size() && n < free_objects; ++word) {
            std::uint32_t bits = free[word];
            for (; bits != 0 && n < out.size(); bits &= bits - 1) {
                const auto bit = static_cast<std::size_t>(std::countr_zero(bits));
                out[n++] = first + (word * 32 + bit) * bytes;
            }
            free[word] = bits;
        }
        free_objects = static_cast<std::uint16_t>(free_objects - n);
        return n;
    }
    void give_back(std::size_t index) noexcept {
        const std::uint32_t bit = std::uint32_t{1} << index % 32;
        KIDNEY_INVARIANT(index < objects && (free[index / 32] & bit) == 0,
                         "heap: freed twice, or never allocated");
        free[index / 32] |= bit;
        ++free_objects;
    }
    [[nodiscard]] bool is_empty() const noexcept { return free_objects == objects; }
};
static_assert(sizeof(Slab) == 64, "a cache line");

using SlabList =
    boost::intrusive::list<Slab, boost::intrusive::member_hook<Slab, Slab::Hook, &Slab::hook>,
                           boost::intrusive::constant_time_size<false>>;

/// Whose slab an object lies in. The owner stands in the map and not in the slab, because a CPU
/// that only passes an object on should not have to fetch a header that its owner is writing to.
struct SlabPlace {
    Slab* slab = nullptr;  ///< null: in none
    CpuId owner;
};

/// From frames to slabs: a table of two levels whose lower ones are made when a slab is. They stay:
/// 4 bytes for each frame of the megabytes that the heap ever lived in (8 on a 64-bit host).
/// Concurrency: note() and forget() by the slab's owner, find() by whoever was handed an object:
/// that hand-over also orders it after the note().
template <HeapEnvironment E>
class SlabMap {
public:
    explicit SlabMap(HeapPages<E>& pages) noexcept : pages_(pages) {}

    /// Error: no_memory.
    [[nodiscard]] Status note(Slab& slab, CpuId owner) noexcept {
        const std::uint32_t frame = pages_.frame_index(slab.first);
        if (frame / leaf_entries >= root_.size()) {
            return fail(Errc::no_memory);  // beyond what the map can tell
        }
        TRY(leaf_at(frame / leaf_entries));
        fill(slab, reinterpret_cast<std::uintptr_t>(&slab) | owner.value());
        return {};
    }
    void forget(const Slab& slab) noexcept { fill(slab, 0); }

    [[nodiscard]] SlabPlace find(const void* object) const noexcept {
        const std::uint32_t frame = pages_.frame_index(object);
        if (frame / leaf_entries >= root_.size()) {
            return {};
        }
        // relaxed: see above.
        const Leaf* const leaf = root_[frame / leaf_entries].load(std::memory_order_relaxed);
        const std::uintptr_t entry = leaf == nullptr ? 0 : (*leaf)[frame % leaf_entries];
        return {reinterpret_cast<Slab*>(entry & ~owner_mask),
                CpuId(static_cast<std::uint32_t>(entry & owner_mask))};
    }

private:
    static constexpr std::size_t leaf_entries = page_size / sizeof(std::uintptr_t);
    static constexpr std::uintptr_t owner_mask = alignof(Slab) - 1;
    static_assert(max_cpus <= alignof(Slab));
    /// For 4 GiB, or 16 GiB of a 64-bit host's simulated frames.
    static constexpr std::size_t frames = sizeof(void*) == 4 ? std::size_t{1} << 20 : 1 << 22;
    using Leaf = std::array<std::uintptr_t, leaf_entries>;
    static_assert(sizeof(Leaf) == page_size);
    template <class T>
    using Atomic = typename E::Cpu::template Atomic<T>;

    [[nodiscard]] Status leaf_at(std::size_t index) noexcept {
        // acquire: another CPU may have made it.
        if (root_[index].load(std::memory_order_acquire) != nullptr) {
            return {};
        }
        auto* const leaf = ::new (TRY(pages_.allocate(FrameOrder(0)))) Leaf{};
        Leaf* none = nullptr;
        if (!root_[index].compare_exchange_strong(none, leaf, std::memory_order_acq_rel)) {
            pages_.free(leaf, FrameOrder(0));
        }
        return {};
    }
    void fill(const Slab& slab, std::uintptr_t entry) noexcept {
        const std::uint32_t frame = pages_.frame_index(slab.first);
        // A block is aligned to its size, so it never reaches into another leaf.
        Leaf& leaf = *root_[frame / leaf_entries].load(std::memory_order_relaxed);
        std::fill_n(leaf.begin() + frame % leaf_entries, std::size_t{1} << slab.order, entry);
    }

    HeapPages<E>& pages_;
    std::array<Atomic<Leaf*>, frames / leaf_entries> root_{};
};

}  // namespace kidney::mm
