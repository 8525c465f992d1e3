#include "arch/i686/smp/messages.hpp"

#include "arch/i686/cpu/cpu.hpp"
#include "arch/i686/cpu/cpu_local.hpp"
#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/mm/translation.hpp"
#include "arch/i686/smp/online.hpp"
#include "arch/i686/trap/interrupts.hpp"
#include "arch/i686/trap/vectors.hpp"

#include <array>
#include <atomic>

namespace kidney::arch {

namespace {

using Mode = drivers::InterruptCommand::Mode;

/// CPU + 1 of the one that panics; 0 while all is well.
constinit std::atomic<std::uint32_t> stopping{0};

/// What each CPU asks of the others. One request per requester at a time: it waits for the answers.
/// Written by the requester before it sets its bit in a target's `shoot_down_pending`.
constinit std::array<VirtRange, max_cpus> requests{};

/// Sends with interrupts off: the command register has two halves.
void send(CpuId target, Mode mode, std::uint32_t vector) noexcept {
    const std::uint32_t flags = read_eflags();
    cli();
    local_apic()->send(static_cast<std::uint8_t>(cpu_locals[target.value()].apic_id), mode,
                       static_cast<std::uint8_t>(vector));
    if ((flags & 1U << 9) != 0) {
        sti();
    }
}

}  // namespace

void send_reschedule(CpuId target) noexcept {
    if (local_apic() != nullptr) {
        send(target, Mode::fixed, vector::reschedule);
    }
}

void send_non_maskable(CpuId target) noexcept {
    if (local_apic() != nullptr) {
        send(target, Mode::non_maskable, 0);
    }
}

void answer_shoot_downs() noexcept {
    // WHY interrupts off: the message may come while this answers from relax(). It would answer as
    // well, the requester would go on, and what it asks next would be taken for answered.
    const hal::InterruptGuard<Cpu> guard;
    auto& pending = this_cpu().shoot_down_pending;
    // acquire: the requester's range was written before its bit.
    std::uint32_t bits = pending.load(std::memory_order_acquire);
    while (bits != 0) {
        const auto requester = static_cast<std::uint32_t>(__builtin_ctz(bits));
        forget_translations(requests[requester]);
        // release: the requester may reuse the frames as soon as it sees the bit gone.
        pending.fetch_and(~(1U << requester), std::memory_order_release);
        bits &= bits - 1;
    }
}

void shoot_down(CpuSet targets, VirtRange range) noexcept {
    // WHY interrupts off: the request belongs to this CPU until all have answered. A thread that
    // was preempted here would let another one overwrite it, or go on as another CPU.
    const hal::InterruptGuard<Cpu> guard;
    const std::uint32_t me = this_cpu().id;
    targets = CpuSet(targets.bits() & online_cpus().bits());
    if (targets.contains(CpuId(me))) {
        forget_translations(range);
        targets.erase(CpuId(me));
    }
    if (targets.is_empty()) {
        return;
    }
    requests[me] = range;
    for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
        if (targets.contains(CpuId(cpu))) {
            cpu_locals[cpu].shoot_down_pending.fetch_or(1U << me, std::memory_order_acq_rel);
            send(CpuId(cpu), Mode::fixed, vector::shoot_down);
        }
    }
    for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
        while (targets.contains(CpuId(cpu)) &&
               (cpu_locals[cpu].shoot_down_pending.load(std::memory_order_acquire) & 1U << me) !=
                   0) {
            answer_shoot_downs();
            pause();
        }
    }
}

void fence_everywhere() noexcept {
    // Asking and answering are atomic operations on both sides, and each is a full barrier.
    shoot_down(online_cpus(), VirtRange{});
}

bool stop_other_cpus() noexcept {
    std::uint32_t nobody = 0;
    const std::uint32_t me = this_cpu().id + 1;
    if (!stopping.compare_exchange_strong(nobody, me) && nobody != me) {
        return false;
    }
    if (auto* const apic = local_apic(); apic != nullptr && online_cpus() != CpuSet::first(1)) {
        apic->send_to_others(Mode::non_maskable, 0);
    }
    return true;
}

bool stop_requested() noexcept {
    return stopping.load() != 0;
}

void stop_this_cpu() noexcept {
    for (;;) {
        cli();
        hlt();
    }
}

}  // namespace kidney::arch
