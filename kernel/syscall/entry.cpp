/// Where system calls arrive: `int $0x80`, then arch/i686/trap/entry.S, then here.
#include "kernel/process/process.hpp"
#include "kernel/syscall/errno_map.hpp"
#include "kernel/syscall/table.hpp"
#include "kidney/core/log.hpp"
#include "kidney/hal/upcalls.hpp"

#include <array>
#include <asm/errno.h>
#include <atomic>

namespace kidney::kernel {
namespace {

/// Tells once per number what nobody has written yet.
void note_unknown(const Process& self, std::uint32_t number) noexcept {
    static constinit std::array<std::atomic<std::uint32_t>, 16> seen{};
    if (number >= seen.size() * 32) {
        return;
    }
    const std::uint32_t bit = 1U << number % 32;
    if ((seen[number / 32].fetch_or(bit, std::memory_order_relaxed) & bit) == 0) {
        log::debug<"syscall">("{} ({}) asks for unknown call {}", self.name(), self.pid.value(),
                              number);
    }
}

}  // namespace
}  // namespace kidney::kernel

void kidney::hal::on_system_call(TrapFrame& frame) noexcept {
    using namespace kidney::kernel;
    Process& self = current_process();
    const std::uint32_t number = frame.error_code;
    const RawHandler handler = handler_of(number);
    if (handler == nullptr) [[unlikely]] {
        note_unknown(self, number);
        frame.eax = static_cast<std::uint32_t>(-ENOSYS);
        return;
    }
    const std::int32_t result = handler(self, frame);
    frame.eax = static_cast<std::uint32_t>(result);
    Thread& thread = current_thread();
    if (result == -restart_number && thread.restart_mode == RestartMode::none) [[unlikely]] {
        thread.restart_mode = RestartMode::by_flag;
    }
    // A signal that came while this thread was in the kernel: the way out delivers it.
    if (self.is_interrupted() || thread.restart_mode != RestartMode::none) [[unlikely]] {
        Cpu::flag_work();
    }
}
