#include "kernel/planted_faults.hpp"

#include "kernel/kernel.hpp"
#include "kernel/memory/layout.hpp"
#include "kernel/panic.hpp"
#include "kernel/planted_bug.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::kernel {
namespace {

constexpr std::size_t object_bytes = 40;

[[gnu::noinline]] void test_panic() noexcept {
    constexpr std::uint32_t never_mapped = 0xffff'f000;
    *reinterpret_cast<volatile std::uint32_t*>(never_mapped) = 1;
}

/// Ends in the guard page below the stack, and with that in the double-fault task.
[[gnu::noinline]] std::uint32_t overflow_stack(std::uint32_t depth) noexcept {
    std::array<volatile std::uint32_t, 64> frame;
    frame[depth % frame.size()] = depth;
    return depth == 0 ? 0 : overflow_stack(depth + 1) + frame[depth % frame.size()];
}

/// The stack itself is good, so this is an ordinary page fault.
[[gnu::noinline]] void touch_guard_page() noexcept {
    *reinterpret_cast<volatile std::byte*>(current_thread().stack.data() - 8) = std::byte{1};
}

// A debug kernel says who it was.

[[gnu::noinline]] void free_twice() noexcept {
    void* const object = MUST(heap().allocate(object_bytes));  // a machine that has just booted
    heap().free(object, object_bytes);
    heap().free(object, object_bytes);
    panic("freed twice, and nobody noticed");
}

[[gnu::noinline]] void write_past_end() noexcept {
    void* const object = MUST(heap().allocate(object_bytes));  // as above
    static_cast<volatile std::byte*>(object)[object_bytes] = std::byte{0};
    heap().free(object, object_bytes);
    panic("written past the end, and nobody noticed");
}

[[gnu::noinline]] void write_after_free() noexcept {
    void* const object = MUST(heap().allocate(object_bytes));  // as above
    heap().free(object, object_bytes);
    static_cast<volatile std::byte*>(object)[8] = std::byte{0};
    static_cast<void>(heap().reclaim(1));  // ends the quarantine
    panic("written when it was free, and nobody noticed");
}

// A debug kernel has it in its books, with both sides of the story.

constexpr LockRank north_rank{100, "north"}, south_rank{101, "south"};
constinit SpinLock<north_rank> north;
constinit SpinLock<south_rank> south;

[[gnu::noinline]] void go_south() noexcept {
    const LockGuard first(north);
    const LockGuard second(south);
}

[[gnu::noinline]] void go_north() noexcept {
    const LockGuard first(south);
    const LockGuard second(north);
}

/// Only the first half of it is an error, and only for somebody who sleeps here one day.
[[gnu::noinline]] void sleep_with_interrupts_off() noexcept {
    Semaphore permit(1);
    const hal::InterruptGuard<Cpu> off;
    permit.acquire();
}

// A kernel with KIDNEY_SANITIZE=undefined says where and with which values.

[[gnu::noinline]] std::int64_t commit_undefined(PlantedFault fault, std::int32_t number) noexcept {
    std::array<std::int32_t, 4> table{1, 2, 3, 4};
    auto* const entries = reinterpret_cast<std::int32_t(*)[4]>(table.data());
    switch (fault) {
        case PlantedFault::undefined_shift:
            return std::int64_t{1} << (number + 57);
        case PlantedFault::undefined_index:
            return (*entries)[number];
        default:
            return number + 2'147'483'640;
    }
}

}  // namespace

void commit_fault(PlantedFault fault) noexcept {
    switch (fault) {
        case PlantedFault::none:
            break;
        case PlantedFault::access:
            test_panic();
            break;
        case PlantedFault::stack_overflow:
            overflow_stack(1);
            break;
        case PlantedFault::guard_page:
            touch_guard_page();
            break;
        case PlantedFault::heap_double_free:
            free_twice();
            break;
        case PlantedFault::heap_overrun:
            write_past_end();
            break;
        case PlantedFault::heap_late_write:
            write_after_free();
            break;
        case PlantedFault::stray_write:
            run_into_planted_bug();
            break;
        case PlantedFault::undefined_shift:
        case PlantedFault::undefined_index:
        case PlantedFault::undefined_sum: {
            volatile std::int32_t number = 8;
            volatile std::int64_t result = commit_undefined(fault, number);
            static_cast<void>(result);
            panic("undefined behaviour, and nobody noticed");
        }
        case PlantedFault::lock_order:
            go_south();
            go_north();
            panic("locked this way round and that, and nobody noticed");
        case PlantedFault::atomic_sleep:
            sleep_with_interrupts_off();
            if constexpr (!checks_lock_ranks) {
                panic("might have slept with interrupts off, and nobody noticed");
            }
            break;
    }
}

}  // namespace kidney::kernel
