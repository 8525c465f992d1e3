#include "kernel/interrupts.hpp"

#include "arch/i686/trap/interrupts.hpp"
#include "kidney/hal/upcalls.hpp"

#include <array>
#include <atomic>

namespace kidney::kernel {
namespace {

constexpr std::size_t lines = 64;
constexpr std::size_t devices_per_line = 4;

/// `handler` is written last and read first, so an interrupt sees a whole entry or none.
struct Entry {
    std::atomic<InterruptHandler> handler{nullptr};
    void* device = nullptr;
};
constinit std::array<std::array<Entry, devices_per_line>, lines> table;
constinit std::array<std::atomic<std::uint32_t>, lines> counts;

}  // namespace

Status handle_interrupts(hal::IrqLine line, hal::Trigger trigger, InterruptHandler handler,
                         void* device) noexcept {
    if (line.value() >= lines) {
        return fail(Errc::invalid_argument);
    }
    for (Entry& entry : table[line.value()]) {
        if (entry.handler.load(std::memory_order_relaxed) == nullptr) {
            entry.device = device;
            entry.handler.store(handler, std::memory_order_release);
            arch::Interrupts{}.enable(line, trigger, CpuId(0));
            return {};
        }
    }
    return fail(Errc::busy);
}

std::uint32_t interrupt_count(hal::IrqLine line) noexcept {
    return line.value() < lines ? counts[line.value()].load(std::memory_order_relaxed) : 0;
}

}  // namespace kidney::kernel

void kidney::hal::on_interrupt(IrqLine line) noexcept {
    using namespace kidney::kernel;
    counts[line.value()].fetch_add(1, std::memory_order_relaxed);
    for (Entry& entry : table[line.value()]) {
        if (const auto handler = entry.handler.load(std::memory_order_acquire);
            handler != nullptr) {
            static_cast<void>(handler(entry.device));
        }
    }
}
