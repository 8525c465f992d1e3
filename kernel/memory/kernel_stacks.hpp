/// Kernel stacks: mapped above an unmapped guard page, kept for reuse.
///
/// An overflow touches the guard and faults; the double-fault task (arch) then panics with a
/// backtrace instead of overwriting a neighbour.
#pragma once

#include "kernel/memory/kernel_map.hpp"
#include "kernel/memory/layout.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/mm/frame_service.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace kidney::kernel {

/// Freed stacks stay mapped and are handed out again, most recent first: fork and exit cost no
/// mapping. The pool never shrinks below what was once in use at the same time. Errors: no_memory.
template <class Map, mm::CountedFrames Frames, BasicLockable Lock>
class KernelStacks {
public:
    constexpr KernelStacks(Map& map, Frames& frames) noexcept : map_(map), frames_(frames) {}

    /// A stack of layout::stack_size bytes; its contents are undefined.
    [[nodiscard]] Result<std::span<std::byte>> allocate() noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        if (free_ != nullptr) {
            FreeStack* const top = free_;
            free_ = top->next;
            return stack_of(top);
        }
        return map_new();
    }

    void free(std::span<std::byte> stack) noexcept EXCLUDES(lock_) {
        auto* const top = reinterpret_cast<FreeStack*>(stack.data());
        const LockGuard guard(lock_);
        top->next = free_;
        free_ = top;
    }

private:
    /// Lives in the lowest bytes of a free stack.
    struct FreeStack {
        FreeStack* next;
    };
    static std::span<std::byte> stack_of(FreeStack* lowest) noexcept {
        return {reinterpret_cast<std::byte*>(lowest), layout::stack_size};
    }

    Result<std::span<std::byte>> map_new() noexcept REQUIRES(lock_) {
        if (next_slot_ == layout::stacks.size / layout::stack_slot) {
            return fail(Errc::no_memory);
        }
        const VirtAddr slot = layout::stacks.start + next_slot_ * layout::stack_slot;
        const VirtAddr lowest = slot + (layout::stack_slot - layout::stack_size);
        for (std::uint32_t at = 0; at < layout::stack_size; at += page_size) {
            const Result<FrameNumber> frame = frames_.allocate(mm::FrameZone::any);
            if (!frame) {
                while (at > 0) {
                    at -= page_size;
                    frames_.release(map_.clear(lowest + at));  // never used, so in no TLB
                }
                return fail(frame.error());
            }
            map_.set(lowest + at, *frame, hal::PageFlags{.writable = true, .global = true});
        }
        ++next_slot_;
        return std::span(reinterpret_cast<std::byte*>(lowest.value()), layout::stack_size);
    }

    Map& map_;
    Frames& frames_;
    Lock lock_;
    FreeStack* free_ GUARDED_BY(lock_) = nullptr;
    std::uint32_t next_slot_ GUARDED_BY(lock_) = 0;
};

}  // namespace kidney::kernel
