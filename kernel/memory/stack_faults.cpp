#include "kernel/memory/stack_faults.hpp"

#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/trap/trap_frame.hpp"
#include "arch/i686/trap/vectors.hpp"
#include "kernel/kernel.hpp"
#include "kernel/memory/layout.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/symbols.hpp"

#include <string_view>

namespace kidney::kernel {
namespace {

/// Its stack lies above that guard page.
bool has_stack_above(const Thread& thread, VirtAddr guard) noexcept {
    const auto stack = reinterpret_cast<std::uint32_t>(thread.stack.data());
    return !thread.stack.empty() &&
           stack / layout::stack_slot == guard.value() / layout::stack_slot;
}

/// Of the threads of processes; null if there is none, or nobody can tell.
const Thread* owner_of_stack_above(VirtAddr guard) noexcept {
    const Thread* owner = nullptr;
    static_cast<void>(visit_threads([&](const Thread& thread) noexcept {
        if (has_stack_above(thread, guard)) {
            owner = &thread;
        }
    }));
    return owner;
}

}  // namespace

bool describe_stack_fault(const hal::TrapFrame& frame, std::uint32_t vector,
                          TextBuffer<160>& out) noexcept {
    const VirtAddr at(arch::read_cr2());
    constexpr std::uint32_t guard_size = layout::stack_slot - layout::stack_size;
    if ((vector != arch::vector::page_fault && vector != arch::vector::double_fault) ||
        at < layout::stacks.start || at >= layout::stacks.end() ||
        at.value() % layout::stack_slot >= guard_size || Cpu::thread() == nullptr) {
        return false;
    }
    const Thread& self = current_thread();
    const std::string_view function = symbol_at(VirtAddr(frame.eip)).name;
    if (has_stack_above(self, at)) {
        format_to(out, "thread {} has {} in {}", self.name(),
                  vector == arch::vector::double_fault
                      ? "overflowed its kernel stack"
                      : "touched the guard page below its kernel stack",
                  function);
    } else if (const Thread* const owner = owner_of_stack_above(at); owner != nullptr) {
        format_to(out,
                  "thread {} has touched the guard page below the kernel stack of thread {} in {}",
                  self.name(), owner->name(), function);
    } else {
        format_to(out, "thread {} has touched the guard page of an unused kernel stack in {}",
                  self.name(), function);
    }
    return true;
}

}  // namespace kidney::kernel
