/// A stackful context on the host: ucontext, plus what the sanitizers must be told.
#pragma once

#include <cstddef>
#include <span>
#include <ucontext.h>

namespace kidney::sim {

/// Neither copied nor moved: a ucontext_t points into itself.
struct Fiber {
    Fiber() noexcept = default;
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    ucontext_t registers{};
    void (*entry)(void*) noexcept = nullptr;
    void* argument = nullptr;
    // For AddressSanitizer and ThreadSanitizer.
    const void* stack_bottom = nullptr;
    std::size_t stack_size = 0;
    void* fake_stack = nullptr;
    void* tsan_fiber = nullptr;
    bool owns_tsan_fiber = false;
};

/// The first transfer to `fiber` calls entry(argument) on `stack`; entry never returns.
void prepare_fiber(Fiber& fiber, std::span<std::byte> stack, void (*entry)(void*) noexcept,
                   void* argument) noexcept;

/// Makes `fiber` stand for the host stack that runs now.
void adopt_host_stack(Fiber& fiber) noexcept;

/// Saves the running context in `from`, which stands for it, and goes on with `to`.
void transfer(Fiber& from, Fiber& to) noexcept;

/// `name` takes over the running context from `current`, so that transfer(name, ...) may save it.
void rename_fiber(Fiber& current, Fiber& name) noexcept;

}  // namespace kidney::sim
