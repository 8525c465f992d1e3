#include "kernel/resource/out_of_memory.hpp"

#include "kernel/process/process_table.hpp"
#include "kidney/core/log.hpp"
#include "proc/signal/send.hpp"

#include <atomic>
#include <optional>

namespace kidney::kernel {
namespace {

/// What there is to say about a victim once the lock is released.
struct Obituary {
    Pid pid;
    BoundedText<15> name;
    std::uint32_t uid = 0;
    std::uint32_t kib = 0;
};

/// Who ends may hang on a lock for that long before another one has to go.
constexpr Duration patience = Duration::milliseconds(1000);

/// `p` ends, whoever wanted it, and will give back what it holds. It has done so once it is a
/// zombie, and not when its memory is out of sight: from there to the last frame, other CPUs would
/// kill all the rest of the machine.
[[nodiscard]] bool is_worth_waiting_for(Process& p, Instant now) noexcept
    REQUIRES(World::process_lock) {
    if (p.awaited_since == Instant::never()) {
        p.awaited_since = now;
    }
    return now - p.awaited_since < patience;
}

[[nodiscard]] bool is_enough_free(Process& self) noexcept {
    const mm::FrameReserve reserve = frames().reserve();
    const auto claim =
        self.identity.user.real == 0 ? mm::FrameClaim::privileged : mm::FrameClaim::ordinary;
    return frames().counts().free_direct > reserve.floor(claim, true);
}

/// Kills `p` and whoever runs in its memory until an exec.
void kill_with_borrowers(Process& p) noexcept REQUIRES(World::process_lock) {
    processes().for_each([&](Process& other) KIDNEY_NO_TSA("called with the lock held") {
        if (other.lender != nullptr && other.lender->process == &p) {
            send_signal(other, abi::sig_kill, {});
        }
    });
    p.awaited_since = Clock::now();
    send_signal(p, abi::sig_kill, {});
}

/// nullopt: somebody is ending already, or nobody can.
[[nodiscard]] std::optional<Obituary> end_somebody() noexcept EXCLUDES(World::process_lock) {
    const auto total = static_cast<std::uint32_t>(frames().total_frames());
    mm::VictimChoice<Process*> choice(total);
    bool is_coming = false;
    const Instant now = Clock::now();
    LockGuard guard(World::process_lock);
    processes().for_each([&](Process& p) KIDNEY_NO_TSA("called with the lock held") {
        if (p.thread == nullptr || p.lender != nullptr) {
            return;  // a zombie, or the memory is another one's
        }
        if (p.is_ending.load(std::memory_order_relaxed)) {
            is_coming |= is_worth_waiting_for(p, now);
        } else {
            choice.consider(&p, victim_facts(p));
        }
    });
    if (is_coming || !choice.chosen()) {
        return std::nullopt;
    }
    Process& victim = **choice.chosen();
    Obituary last;
    last.pid = victim.pid;
    last.name.assign(victim.name());
    last.uid = victim.identity.user.real;
    last.kib = victim_facts(victim).pages * (page_size / 1024);
    kill_with_borrowers(victim);
    return last;
}

}  // namespace

mm::VictimFacts victim_facts(Process& p) noexcept {
    mm::VictimFacts facts;
    facts.pages = p.peek(p.memory, [](const AddressSpace* memory) {
        return memory == nullptr ? 0U : memory->resident().total() + memory->table_count();
    });
    facts.adjustment = p.memory_adjustment;
    facts.is_roots = p.identity.user.real == 0;
    facts.is_protected = p.pid == init_pid;
    return facts;
}

void make_room(Process& self) noexcept {
    const bool is_in_vain = self.this_thread().vain_requests.again(Clock::now());
    if (is_in_vain || !is_enough_free(self)) {
        if (const auto last = end_somebody()) {
            log::warning<"memory">("out of memory: killed process {} ({}), uid {}, {} KiB",
                                   last->pid.value(), last->name.view(), last->uid, last->kib);
        }
    }
    if (!self.is_ending.load(std::memory_order_relaxed)) {
        dispatcher().sleep_until(Clock::now() + Duration::milliseconds(10));
    }
}

}  // namespace kidney::kernel
