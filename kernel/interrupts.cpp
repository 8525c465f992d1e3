#include "kernel/interrupts.hpp"

#include "arch/i686/smp/online.hpp"
#include "arch/i686/trap/interrupts.hpp"
#include "arch/i686/trap/vectors.hpp"
#include "kernel/event_trace.hpp"
#include "kernel/hardware/random.hpp"
#include "kidney/core/format.hpp"
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
    const char* name = "";
};
constinit std::array<std::array<Entry, devices_per_line>, lines> table;

/// A label, the count of every CPU that runs, and what it is.
void write_line(std::string_view label, std::uint32_t vector, fs::TextOutput& out) noexcept {
    format_to(out, "{}:", label);
    for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
        if (arch::online_cpus().contains(CpuId(cpu))) {
            format_to(out, " {:10}", arch::interrupts_taken(CpuId(cpu), vector));
        }
    }
}

}  // namespace

Status handle_interrupts(hal::IrqLine line, hal::Trigger trigger, InterruptHandler handler,
                         void* device, const char* name) noexcept {
    if (line.value() >= lines) {
        return fail(Errc::invalid_argument);
    }
    for (Entry& entry : table[line.value()]) {
        if (entry.handler.load(std::memory_order_relaxed) == nullptr) {
            entry.device = device;
            entry.name = name;
            entry.handler.store(handler, std::memory_order_release);
            arch::Interrupts{}.enable(line, trigger, CpuId(0));
            return {};
        }
    }
    return fail(Errc::busy);
}

const char* interrupt_name(hal::IrqLine line) noexcept {
    if (line.value() >= lines) {
        return nullptr;
    }
    const Entry& first = table[line.value()].front();
    return first.handler.load(std::memory_order_acquire) == nullptr ? nullptr : first.name;
}

void write_interrupts(fs::TextOutput& out) noexcept {
    out.write("    ");
    for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
        if (arch::online_cpus().contains(CpuId(cpu))) {
            format_to(out, "       CPU{}", cpu);
        }
    }
    out.write("\n");
    for (std::uint32_t line = 0; line < lines; ++line) {
        if (table[line].front().handler.load(std::memory_order_acquire) == nullptr) {
            continue;
        }
        TextBuffer<8> label;
        format_to(label, "{:3}", line);
        write_line(label.view(), arch::vector::first_line + line, out);
        const char* separator = "  ";
        for (const Entry& entry : table[line]) {
            if (entry.handler.load(std::memory_order_acquire) != nullptr) {
                format_to(out, "{}{}", separator, entry.name);
                separator = ", ";
            }
        }
        out.write("\n");
    }
    struct Local {
        const char* label;
        std::uint32_t vector;
        const char* name;
    };
    constexpr Local local[] = {
        {"LOC", arch::vector::timer, "Local timer interrupts"},
        {"RES", arch::vector::reschedule, "Rescheduling interrupts"},
        {"TLB", arch::vector::shoot_down, "TLB shootdowns"},
        {"SPU", arch::vector::spurious, "Spurious interrupts"},
    };
    for (const Local& l : local) {
        write_line(l.label, l.vector, out);
        format_to(out, "  {}\n", l.name);
    }
}

}  // namespace kidney::kernel

void kidney::hal::on_interrupt(IrqLine line) noexcept {
    using namespace kidney::kernel;
    const TracedInterrupt traced(TracedInterrupt::first_line + line.value());
    note_interrupt_time(TracedInterrupt::first_line + line.value());
    for (Entry& entry : table[line.value()]) {
        if (const auto handler = entry.handler.load(std::memory_order_acquire);
            handler != nullptr) {
            static_cast<void>(handler(entry.device));
        }
    }
}
