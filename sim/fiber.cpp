#include "sim/fiber.hpp"

#include <cstdlib>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KIDNEY_SIM_ASAN 1
#include <sanitizer/common_interface_defs.h>
#endif
#if __has_feature(thread_sanitizer)
#define KIDNEY_SIM_TSAN 1
#include <sanitizer/tsan_interface.h>
#endif
#endif

#ifdef KIDNEY_SIM_ASAN
// WHY: to see who uses a frame after its end, every fiber would get a second stack, which is mapped
// anew for each and never unmapped. That took five sixths of the time of a simulated machine's
// tests.
extern "C" const char* __asan_default_options() {
    return "detect_stack_use_after_return=0";
}
#endif

namespace kidney::sim {
namespace {

// makecontext() passes only ints, so the fiber being entered for the first time waits here.
thread_local Fiber* starting = nullptr;
// The host stack, whose bounds AddressSanitizer tells when it is left for the first time.
thread_local Fiber* host = nullptr;

void first_function() noexcept {
    Fiber* const self = starting;
#ifdef KIDNEY_SIM_ASAN
    const void* bottom = nullptr;
    std::size_t size = 0;
    __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
    if (host != nullptr && host->stack_bottom == nullptr) {
        host->stack_bottom = bottom;
        host->stack_size = size;
    }
#endif
    self->entry(self->argument);
    std::abort();
}

}  // namespace

Fiber::~Fiber() {
#ifdef KIDNEY_SIM_TSAN
    if (owns_tsan_fiber) {
        __tsan_destroy_fiber(tsan_fiber);
    }
#endif
}

void prepare_fiber(Fiber& fiber, std::span<std::byte> stack, void (*entry)(void*) noexcept,
                   void* argument) noexcept {
    getcontext(&fiber.registers);
    fiber.registers.uc_stack.ss_sp = stack.data();
    fiber.registers.uc_stack.ss_size = stack.size();
    fiber.registers.uc_link = nullptr;
    makecontext(&fiber.registers, first_function, 0);
    fiber.entry = entry;
    fiber.argument = argument;
    fiber.stack_bottom = stack.data();
    fiber.stack_size = stack.size();
#ifdef KIDNEY_SIM_TSAN
    fiber.tsan_fiber = __tsan_create_fiber(0);
    fiber.owns_tsan_fiber = true;
#endif
}

void adopt_host_stack(Fiber& fiber) noexcept {
    host = &fiber;
#ifdef KIDNEY_SIM_TSAN
    fiber.tsan_fiber = __tsan_get_current_fiber();
#endif
}

void transfer(Fiber& from, Fiber& to) noexcept {
    starting = &to;
#ifdef KIDNEY_SIM_ASAN
    __sanitizer_start_switch_fiber(&from.fake_stack, to.stack_bottom, to.stack_size);
#endif
#ifdef KIDNEY_SIM_TSAN
    __tsan_switch_to_fiber(to.tsan_fiber, 0);
#endif
    swapcontext(&from.registers, &to.registers);
#ifdef KIDNEY_SIM_ASAN
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void rename_fiber(Fiber& current, Fiber& name) noexcept {
    if (&current == &name) {
        return;
    }
    name.stack_bottom = current.stack_bottom;
    name.stack_size = current.stack_size;
    name.tsan_fiber = current.tsan_fiber;
}

}  // namespace kidney::sim
