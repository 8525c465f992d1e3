/// The engine of heaps that cut blocks of any size out of pools and melt them together again.
///
/// It splits, merges, gets pools from the frames and gives empty ones back; *which* free block
/// serves a request is the matter of `Index`:
///
///     insert(Block&), remove(Block&)      a free block comes and goes
///     find(length) -> Block*              one of at least that length, still in the index; or null
///     find_thoroughly(length) -> Block*   the same when there are no more frames; may search
///     room_for(length)                    how long a block must be to be found for sure
///
/// A freed block of at most half a page first waits in a short queue while its tags come from
/// memory, so that the misses of several calls overlap: where objects are freed in any order, that
/// is what a free costs. So one that was freed twice is found out up to eight frees later.
///
/// Of more than 16 KiB an object gets whole frames.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "mm/heap/block.hpp"
#include "mm/heap/heap_environment.hpp"
#include "mm/heap/heap_pages.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::mm {

template <class I>
concept BlockIndex = requires(I& index, const I& same, Block& block, std::size_t length) {
    { index.insert(block) } noexcept -> std::same_as<void>;
    { index.remove(block) } noexcept -> std::same_as<void>;
    { same.find(length) } noexcept -> std::same_as<Block*>;
    { same.find_thoroughly(length) } noexcept -> std::same_as<Block*>;
    { I::room_for(length) } noexcept -> std::same_as<std::size_t>;
    { I::name } -> std::convertible_to<const char*>;
};

/// Concurrency: any thread; one at a time, by the lock. Not for interrupt handlers.
template <BlockIndex Index, HeapEnvironment E>
class BlockHeap {
public:
    using Frames = typename E::Frames;
    using Phys = typename E::Phys;
    static constexpr const char* name = Index::name;
    static constexpr std::size_t max_object_bytes = HeapPages<E>::largest;

    BlockHeap(Frames& frames, Phys& phys) noexcept : pages_(frames, phys) {}
    BlockHeap(const BlockHeap&) = delete;
    BlockHeap& operator=(const BlockHeap&) = delete;

    /// Errors: no_memory.
    [[nodiscard]] Result<void*> allocate(std::size_t bytes) noexcept EXCLUDES(lock_) {
        KIDNEY_ASSERT(bytes != 0);
        if (bytes > max_object_bytes) {
            return fail(Errc::no_memory);
        }
        const LockGuard guard(lock_);
        void* const object =
            TRY(bytes > largest_in_pool ? take_frames(bytes) : take(Block::length_for(bytes)));
        used_bytes_ += bytes;
        return object;
    }

    /// Free of nullptr is not allowed; `bytes` is what allocate() was given.
    void free(void* object, std::size_t bytes) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        KIDNEY_INVARIANT(used_bytes_ >= bytes, "heap: more freed than allocated");
        used_bytes_ -= bytes;
        if (bytes > largest_in_pool) {
            pages_.free(object, HeapPages<E>::order_for(bytes));
        } else {
            give_back_soon({&Block::of(object), Block::length_for(bytes)});
        }
    }

    /// What an object of so many bytes takes, for statistics.
    [[nodiscard]] static constexpr std::size_t granted(std::size_t bytes) noexcept {
        return bytes > largest_in_pool ? HeapPages<E>::granted(bytes) : Block::length_for(bytes);
    }
    [[nodiscard]] std::size_t used_bytes() const noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return used_bytes_;
    }

    std::size_t reclaim() noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        give_back_all();
        return give_up_spare();
    }

private:
    static constexpr std::size_t largest_in_pool = 16 * 1024;
    /// A quarter of its size is the largest object, so little of a pool is too short for the next.
    /// Smaller ones will do when memory is in pieces.
    static constexpr FrameOrder pool_order{4};

    /// At the start of its block of frames.
    struct Pool {
        FrameOrder order;
    };
    /// The first tag: so that what follows it is aligned as objects are.
    static constexpr std::size_t first_block =
        ((sizeof(Pool) + Block::tag_bytes + Block::granule - 1) & ~(Block::granule - 1)) -
        Block::tag_bytes;

    /// What free() was told.
    struct Freed {
        Block* block = nullptr;
        std::size_t length = 0;
    };

    Result<void*> take(std::size_t length) noexcept REQUIRES(lock_) {
        Block* found = index_.find(length);
        if (found == nullptr) [[unlikely]] {
            give_back_all();
            found = index_.find(length);
        }
        if (found == nullptr) [[unlikely]] {
            const Status added = add_pool(length);
            found = added ? index_.find(length) : index_.find_thoroughly(length);
            KIDNEY_INVARIANT(!added || found != nullptr, "heap: a new pool has no room");
            if (found == nullptr) {
                return fail(Errc::no_memory);
            }
        }
        index_.remove(*found);
        if (found == spare_) {
            spare_ = nullptr;
        }
        if (Block* const rest = found->split(length); rest != nullptr) {
            index_.insert(*rest);
        }
        found->set_used(true);
        return found->object();
    }

    /// In place of the one that waits longest. WHY not those of more than half a page: many are
    /// buffers for one call, and their place should serve the next one.
    void give_back_soon(Freed freed) noexcept REQUIRES(lock_) {
        if (freed.length > Block::length_for(page_size / 2)) {
            return give_back(freed);
        }
        // WHY loads: no instruction waits for what they bring, and an i686 has no prefetch.
        auto* const tag = reinterpret_cast<volatile std::byte*>(freed.block);
        static_cast<void>(tag[0]);
        static_cast<void>(tag[freed.length]);  // of the next block
        give_back(std::exchange(waiting_[next_waiting_++ % waiting_.size()], freed));
    }
    void give_back_all() noexcept REQUIRES(lock_) {
        for (Freed& freed : waiting_) {
            give_back(std::exchange(freed, {}));
        }
    }
    /// Nothing, if that is what waited there.
    void give_back(Freed place) noexcept REQUIRES(lock_) {
        if (place.block == nullptr) {
            return;
        }
        Block& freed = *place.block;
        KIDNEY_INVARIANT(freed.is_used(), "heap: freed twice, or never allocated");
        KIDNEY_INVARIANT(
            freed.length() >= place.length && freed.length() - place.length < Block::least,
            "heap: freed with a wrong size");
        freed.set_used(false);
        Block* block = &freed;
        if (Block& next = block->next(); !next.is_used()) {
            index_.remove(next);
            block->merge_next();
        }
        if (!block->is_first() && !block->before().is_used()) {
            block = &block->before();
            index_.remove(*block);
            block->merge_next();
        }
        index_.insert(*block);
        if (block->is_whole_pool()) {
            give_up_spare();
            spare_ = block;
        }
    }

    Status add_pool(std::size_t length) noexcept REQUIRES(lock_) {
        const FrameOrder least =
            HeapPages<E>::order_for(first_block + Index::room_for(length) + Block::tag_bytes);
        FrameOrder order = pool_order;
        Result<std::byte*> start = pages_.allocate(order);
        while (!start && order != least) {
            order = FrameOrder(static_cast<std::uint8_t>(order.value() - 1));
            start = pages_.allocate(order);
        }
        std::byte* const pool = TRY(start);
        ::new (static_cast<void*>(pool)) Pool{order};
        index_.insert(Block::fill(pool + first_block, pool + HeapPages<E>::bytes_of(order)));
        return {};
    }

    /// Gives the empty pool that is kept, if there is one, back to the frames; returns how many.
    std::size_t give_up_spare() noexcept REQUIRES(lock_) {
        Block* const block = std::exchange(spare_, nullptr);
        if (block == nullptr) {
            return 0;
        }
        index_.remove(*block);
        auto* const pool =
            reinterpret_cast<Pool*>(reinterpret_cast<std::byte*>(block) - first_block);
        const FrameOrder order = pool->order;
        pages_.free(pool, order);
        return order.frames();
    }

    Result<void*> take_frames(std::size_t bytes) noexcept REQUIRES(lock_) {
        const FrameOrder order = HeapPages<E>::order_for(bytes);
        Result<std::byte*> frames = pages_.allocate(order);
        if (!frames) {
            give_back_all();
            give_up_spare();
            frames = pages_.allocate(order);
        }
        return TRY(frames);
    }

    HeapPages<E> pages_;
    mutable typename E::Lock lock_;
    Index index_ GUARDED_BY(lock_);
    Block* spare_ GUARDED_BY(lock_) = nullptr;  ///< the one block of an empty pool; in the index
    std::array<Freed, 8> waiting_ GUARDED_BY(lock_){};
    std::size_t next_waiting_ GUARDED_BY(lock_) = 0;
    std::size_t used_bytes_ GUARDED_BY(lock_) = 0;
};

}  // namespace kidney::mm
