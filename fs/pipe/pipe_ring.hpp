/// The pages of a pipe: a ring of slots, each with a piece of one page.
///
/// Bytes are counted in slots, not in bytes: a write begins a page of its own unless all of it fits
/// behind the last one's bytes. So a write of up to a page needs one free slot, whatever came
/// before, and pages can move between pipes as they are.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/fs/splice_pipe.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

namespace kidney::fs {

/// Pages are taken when first used; one that was read stays in its slot for the next write, unless
/// somebody else has it, too. Concurrency: none, callers serialise.
template <mm::ObjectAllocator Heap, mm::CountedFrames Frames>
class PipeRing {
public:
    static constexpr std::uint32_t first_capacity = 16;  ///< slots of a new pipe

    /// `capacity` is a power of two, first_capacity at most.
    PipeRing(Heap& heap, Frames& frames, std::uint32_t capacity = first_capacity) noexcept
        : heap_(heap), frames_(frames), slots_(std::span(few_).first(capacity)) {}
    ~PipeRing() { give_up(slots_); }
    PipeRing(const PipeRing&) = delete;
    PipeRing& operator=(const PipeRing&) = delete;

    [[nodiscard]] std::uint32_t capacity() const noexcept {
        return static_cast<std::uint32_t>(slots_.size());
    }
    [[nodiscard]] std::uint32_t used() const noexcept { return used_; }
    [[nodiscard]] bool is_empty() const noexcept { return used_ == 0; }
    [[nodiscard]] std::uint64_t bytes() const noexcept {
        std::uint64_t sum = 0;
        for (std::uint32_t n = 0; n < used_; ++n) {
            sum += slot(n).piece.size;
        }
        return sum;
    }
    /// Piece `n` from the front. Precondition: n < used().
    [[nodiscard]] PipePiece& at(std::uint32_t n) noexcept { return slot(n).piece; }
    [[nodiscard]] PipePiece& front() noexcept { return at(0); }
    [[nodiscard]] PipePiece& back() noexcept { return at(used_ - 1); }

    /// A page for the next write, which stays the ring's. Precondition: a slot is free. Error:
    /// no_memory.
    [[nodiscard]] Result<FrameNumber> page_behind() noexcept {
        Slot& next = slot(used_);
        return next.has_page ? next.piece.frame : add_page(next);
    }
    /// The first `size` bytes of page_behind() are the last piece now.
    void push_page(std::uint16_t size, bool is_packet) noexcept {
        Slot& next = slot(used_++);
        next.piece = {.frame = next.piece.frame,
                      .size = size,
                      .is_packet = is_packet,
                      .may_grow = !is_packet};
    }
    /// Takes over the caller's reference to a page. Precondition: a slot is free.
    void push(const PipePiece& piece) noexcept {
        Slot& next = slot(used_++);
        if (std::exchange(next.has_page, true)) {
            frames_.release(next.piece.frame);
        }
        next.piece = piece;
    }
    /// Drops the first `count` bytes of the front piece.
    void consume(std::size_t count) noexcept {
        Slot& first = slot(0);
        KIDNEY_ASSERT(count <= first.piece.size);
        first.piece.begin += static_cast<std::uint16_t>(count);
        first.piece.size -= static_cast<std::uint16_t>(count);
        if (first.piece.size != 0) {
            return;
        }
        if (first.piece.is_shared) {
            frames_.release(first.piece.frame);
            first.has_page = false;
        }
        leave_front();
    }
    /// The front piece, with the ring's reference to its page.
    [[nodiscard]] PipePiece pop() noexcept {
        Slot& first = slot(0);
        first.has_page = false;
        const PipePiece piece = first.piece;
        leave_front();
        return piece;
    }
    /// Piece `n`, with a reference of the caller's own; it shall not grow in other hands. Error:
    /// no_memory.
    [[nodiscard]] Result<PipePiece> share(std::uint32_t n) noexcept {
        PipePiece& mine = at(n);
        TRY(frames_.retain(mine.frame));
        mine.is_shared = true;
        PipePiece copy = mine;
        copy.may_grow = false;
        return copy;
    }

    /// `slots` is a power of two and not below used(). Error: no_memory.
    [[nodiscard]] Status resize(std::uint32_t slots) noexcept {
        std::span<Slot> next = few_;
        if (slots == capacity()) {
            return {};
        }
        // Not from one part of the first slots to another.
        if (slots != first_capacity || slots_.data() == few_.data()) {
            auto* const memory = static_cast<Slot*>(TRY(heap_.allocate(slots * sizeof(Slot))));
            next = {memory, slots};
        }
        for (std::uint32_t n = 0; n < slots; ++n) {
            ::new (static_cast<void*>(&next[n])) Slot(n < used_ ? slot(n) : Slot());
            if (n < used_) {
                slot(n).has_page = false;
            }
        }
        give_up(std::exchange(slots_, next));
        first_ = 0;
        return {};
    }

private:
    struct Slot {
        PipePiece piece;
        bool has_page = false;  ///< and owns a reference to it, in use or not
    };

    [[gnu::noinline]] Result<FrameNumber> add_page(Slot& to) noexcept {
        to.piece.frame = TRY(frames_.allocate(mm::FrameZone::direct));
        to.has_page = true;
        return to.piece.frame;
    }
    [[nodiscard]] Slot& slot(std::uint32_t n) noexcept {
        return slots_[(first_ + n) & (capacity() - 1)];
    }
    [[nodiscard]] const Slot& slot(std::uint32_t n) const noexcept {
        return slots_[(first_ + n) & (capacity() - 1)];
    }
    void leave_front() noexcept {
        --used_;
        // Small messages use the same page again and again.
        first_ = used_ == 0 ? 0 : (first_ + 1) & (capacity() - 1);
    }
    void give_up(std::span<Slot> slots) noexcept {
        for (Slot& s : slots) {
            if (std::exchange(s.has_page, false)) {
                frames_.release(s.piece.frame);
            }
        }
        if (slots.data() != few_.data()) {
            heap_.free(slots.data(), slots.size_bytes());
        }
    }

    Heap& heap_;
    Frames& frames_;
    std::array<Slot, first_capacity> few_;
    std::span<Slot> slots_;
    std::uint32_t first_ = 0, used_ = 0;
};

}  // namespace kidney::fs
