/// Kernel stacks: mapped above an unmapped guard page, kept for reuse until memory is short.
///
/// An overflow touches the guard and faults; the double-fault task (arch) then panics with a
/// backtrace instead of overwriting a neighbour.
#pragma once

#include "kernel/memory/layout.hpp"
#include "kidney/core/cpu_id.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/mmu.hpp"
#include "kidney/hal/page_table_format.hpp"
#include "kidney/mm/frame_reclaimer.hpp"
#include "kidney/mm/frame_service.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::kernel {

/// Freed stacks stay mapped and are handed out again, most recent first: fork and exit cost no
/// mapping. `Map` is a KernelMap. Errors: no_memory. Cost: O(1). Concurrency: any; reclaim() holds
/// no spin lock when it waits for the other CPUs.
template <class Map, mm::CountedFrames Frames, hal::Mmu Mmu, BasicLockable Lock>
class KernelStacks final : public mm::FrameReclaimer {
public:
    constexpr KernelStacks(Map& map, Frames& frames) noexcept : map_(map), frames_(frames) {}

    /// A stack of layout::stack_size bytes; its contents are undefined.
    [[nodiscard]] Result<std::span<std::byte>> allocate() noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        Slot slot = pop(mapped_);
        if (slot == none) {
            slot = TRY(map_new());
        }
        return std::span(reinterpret_cast<std::byte*>(lowest(slot).value()), layout::stack_size);
    }

    void free(std::span<std::byte> stack) noexcept EXCLUDES(lock_) {
        const VirtAddr at(
            static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(stack.data())));
        const LockGuard guard(lock_);
        push(mapped_, static_cast<Slot>((at - layout::stacks.start) / layout::stack_slot));
    }

    /// Gives free stacks back, whole ones.
    std::size_t reclaim(std::size_t most) noexcept override EXCLUDES(lock_) {
        std::size_t freed = 0;
        while (freed < most && unmap_one()) {
            freed += pages;
        }
        return freed;
    }

private:
    using Slot = std::uint16_t;
    static constexpr std::uint32_t slots = layout::stacks.size / layout::stack_slot;
    static constexpr Slot none = 0xFFFF;
    static constexpr std::size_t pages = layout::stack_size / page_size;
    static_assert(slots < none);

    static VirtAddr lowest(Slot slot) noexcept {
        return layout::stacks.start + slot * layout::stack_slot +
               (layout::stack_slot - layout::stack_size);
    }

    [[nodiscard]] Slot pop(Slot& list) noexcept REQUIRES(lock_) {
        const Slot slot = list;
        if (slot != none) {
            list = next_[slot];
        }
        return slot;
    }
    void push(Slot& list, Slot slot) noexcept REQUIRES(lock_) {
        next_[slot] = list;
        list = slot;
    }

    [[nodiscard]] Result<Slot> map_new() noexcept REQUIRES(lock_) {
        Slot slot = pop(unmapped_);
        if (slot == none) {
            if (unused_ == slots) {
                return fail(Errc::no_memory);
            }
            slot = unused_++;
        }
        for (std::uint32_t at = 0; at < layout::stack_size; at += page_size) {
            const Result<FrameNumber> frame = frames_.allocate(mm::FrameZone::any);
            if (!frame) {
                while (at > 0) {
                    at -= page_size;
                    frames_.release(map_.clear(lowest(slot) + at));  // never used, so in no TLB
                }
                push(unmapped_, slot);
                return fail(frame.error());
            }
            map_.set(lowest(slot) + at, *frame, hal::PageFlags{.writable = true, .global = true});
        }
        return slot;
    }

    [[nodiscard]] bool unmap_one() noexcept EXCLUDES(lock_) {
        std::array<FrameNumber, pages> frames;
        Slot slot = none;
        {
            const LockGuard guard(lock_);
            slot = pop(mapped_);
            if (slot == none) {
                return false;
            }
            for (std::size_t n = 0; n < pages; ++n) {
                frames[n] = map_.clear(lowest(slot) + static_cast<std::uint32_t>(n) * page_size);
            }
        }
        // Nobody may use the slot or the frames before all CPUs have forgotten what was there.
        Mmu::shoot_down(CpuSet::first(max_cpus), {lowest(slot), layout::stack_size});
        for (const FrameNumber frame : frames) {
            frames_.release(frame);
        }
        const LockGuard guard(lock_);
        push(unmapped_, slot);
        return true;
    }

    Map& map_;
    Frames& frames_;
    Lock lock_;
    std::array<Slot, slots> next_ GUARDED_BY(lock_){};  ///< in the two lists
    Slot mapped_ GUARDED_BY(lock_) = none;              ///< free stacks
    Slot unmapped_ GUARDED_BY(lock_) = none;            ///< slots that had a stack once
    Slot unused_ GUARDED_BY(lock_) = 0;                 ///< the first slot that never had one
};

}  // namespace kidney::kernel
