#include "kernel/process/address_spaces.hpp"

#include <algorithm>
#include <utility>

namespace kidney::kernel {
namespace {

AddressSpace* space_of(const Thread& thread) noexcept {
    return thread.process == nullptr ? nullptr : thread.process->memory.get();
}

/// Interrupts off.
void change(AddressSpace* from, AddressSpace* to) noexcept {
    if (from == to) {
        return;
    }
    if (to != nullptr) {
        to->activate(Cpu::id());
    } else {
        Mmu::activate(kernel_tables().root().address());
    }
    if (from != nullptr) {
        from->deactivate(Cpu::id());
    }
}

/// Changes the calling process's space; the old one ends outside the critical section.
void replace(Process& self, Ref<AddressSpace> next) noexcept {
    Ref<AddressSpace> old;
    {
        // A switch in between would activate one space and deactivate the other.
        hal::InterruptGuard<Cpu> guard;
        change(self.memory.get(), next.get());
        old = self.look_at(self.memory);  // it must not end in here
        if (old) {
            self.peak_pages = std::max(self.peak_pages, old->resident().peak);
        }
        self.replace(self.memory, std::move(next));
    }
    old.reset();
}

}  // namespace

void enter_address_space(Process& self, Ref<AddressSpace> next) noexcept {
    replace(self, std::move(next));
}

void leave_address_space(Process& self) noexcept {
    replace(self, nullptr);
}

void leave_threads_address_space(Thread& self) noexcept {
    change(space_of(self), nullptr);
}

void switch_address_space(Thread& from, Thread& to) noexcept {
    change(space_of(from), space_of(to));
}

}  // namespace kidney::kernel
