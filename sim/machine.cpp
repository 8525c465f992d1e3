#include "sim/machine.hpp"

#include "kidney/core/assert.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace kidney::sim {
namespace {

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t boot_stack_bytes = 256 * 1024;
thread_local Machine* active_machine = nullptr;

}  // namespace

Machine* Machine::active() noexcept {
    return active_machine;
}

Machine::Machine(const MachineOptions& options, Firmware firmware)
    : options_(options),
      firmware_(std::move(firmware)),
      random_state_(options.seed * 0x9e3779b97f4a7c15U + 1) {
    KIDNEY_INVARIANT(options.cpus >= 1 && options.cpus <= max_cpus, "number of CPUs");
    for (std::uint32_t i = 0; i < options.cpus; ++i) {
        cpus_.push_back(std::make_unique<SimulatedCpu>());
        cpus_[i]->id = i;
        boot_arguments_.push_back({this, CpuId(i)});
    }
}

Machine::~Machine() = default;

std::uint32_t Machine::random() noexcept {  // splitmix64
    random_state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = random_state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return static_cast<std::uint32_t>((z ^ (z >> 31)) >> 16);
}

void Machine::record(std::uint64_t value) noexcept {
    for (int i = 0; i < 8; ++i) {
        hash_ = (hash_ ^ (value >> (8 * i) & 0xff)) * 0x100000001b3U;
    }
}

Outcome Machine::run() {
    Machine* const outer = std::exchange(active_machine, this);
    adopt_host_stack(host_);
    for (auto& cpu : cpus_) {
        cpu->stack = std::make_unique<std::byte[]>(boot_stack_bytes);
        prepare_fiber(
            cpu->boot, {cpu->stack.get(), boot_stack_bytes},
            [](void* argument) noexcept {
                auto* const boot = static_cast<BootArgument*>(argument);
                boot->machine->firmware_.boot(boot->cpu);
            },
            &boot_arguments_[cpu->id]);
        cpu->active = &cpu->boot;
    }

    Outcome outcome = Outcome::stopped;
    while (!stopping_) {
        SimulatedCpu* next = furthest_behind();
        std::uint32_t timer_owner = 0;
        const std::uint64_t event = events_.empty() ? never : events_.front().time;
        const std::uint64_t external = std::min(event, next_timer(timer_owner));
        if (next == nullptr && external == never) {
            outcome = Outcome::deadlock;
            break;
        }
        if (next == nullptr || external <= next->time) {
            make_pending_until(external);
            continue;
        }
        if (next->time > static_cast<std::uint64_t>(options_.time_limit.count())) {
            outcome = Outcome::out_of_time;
            break;
        }
        horizon_ = std::min(external, static_cast<std::uint64_t>(options_.time_limit.count()) + 1);
        for (auto& other : cpus_) {
            if (other.get() != next && !other->halted) {
                horizon_ = std::min(horizon_, other->time);
            }
        }
        running_ = next;
        transfer(host_, *next->active);
        running_ = nullptr;
    }
    active_machine = outer;
    return outcome;
}

Machine::SimulatedCpu* Machine::furthest_behind() noexcept {
    SimulatedCpu* found = nullptr;
    for (auto& cpu : cpus_) {
        if (!cpu->halted && (found == nullptr || cpu->time < found->time)) {
            found = cpu.get();
        }
    }
    return found;
}

std::uint64_t Machine::next_timer(std::uint32_t& owner) const noexcept {
    std::uint64_t first = never;
    for (const auto& cpu : cpus_) {
        if (cpu->timer_deadline < first) {
            first = cpu->timer_deadline;
            owner = cpu->id;
        }
    }
    return first;
}

/// Turns events and timers that are due into pending interrupts, and ends halts.
void Machine::make_pending_until(std::uint64_t time) {
    for (auto& cpu : cpus_) {
        if (cpu->timer_deadline <= time) {
            cpu->timer_deadline = never;
            cpu->timer_pending = true;
        }
    }
    while (!events_.empty() && events_.front().time <= time) {
        deliver_event();
    }
    for (auto& cpu : cpus_) {
        if (cpu->halted && cpu->has_pending()) {
            cpu->halted = false;
            cpu->time = std::max(cpu->time, time);
        }
    }
}

void Machine::deliver_event() {
    std::pop_heap(events_.begin(), events_.end());
    Event event = std::move(events_.back());
    events_.pop_back();
    SimulatedCpu& target = *cpus_[event.cpu];
    if (event.handler) {
        target.devices_pending.push_back(std::move(event.handler));
    } else {
        target.reschedule_pending = true;
    }
}

void Machine::post(std::uint64_t time, std::uint32_t cpu, std::function<void()> handler) {
    events_.push_back({time, ++sequence_, cpu, std::move(handler)});
    std::push_heap(events_.begin(), events_.end());
    horizon_ = std::min(horizon_, time);
}

void Machine::back_to_host() noexcept {
    transfer(*running_->active, host_);
}

Instant Machine::now() noexcept {
    SimulatedCpu& self = cpu();
    // T1: nobody reads a time older than one that somebody has seen.
    self.time = std::max(self.time, last_read_);
    last_read_ = self.time;
    return Instant(self.time);
}

void Machine::step(std::uint64_t cost) noexcept {
    SimulatedCpu& self = cpu();
    self.time += cost + random() % (cost + 1);
    ++self.steps;
    if (self.time >= horizon_ || stopping_) {
        back_to_host();
    }
    deliver_interrupts();
}

void Machine::compute(Duration work) noexcept {
    auto left = static_cast<std::uint64_t>(work.count());
    while (left != 0) {
        // In pieces, so that interrupts come in time; the size depends on nothing but the work.
        const std::uint64_t piece = std::min<std::uint64_t>(left, 20'000);
        left -= piece;
        cpu().time += piece;
        if (cpu().time >= horizon_ || stopping_) {
            back_to_host();
        }
        deliver_interrupts();
    }
}

void Machine::halt() noexcept {
    KIDNEY_INVARIANT(!cpu().interrupts_enabled, "halting with interrupts on loses wake-ups");
    while (!cpu().has_pending()) {
        cpu().halted = true;
        back_to_host();
    }
    cpu().interrupts_enabled = true;
    deliver_interrupts();
    cpu().interrupts_enabled = false;
}

void Machine::deliver_interrupts() noexcept {
    // The CPU is looked up anew each time: a handler may switch threads, and this one may go on
    // elsewhere.
    while (cpu().interrupts_enabled && cpu().has_pending()) {
        cpu().interrupts_enabled = false;
        ++delivered_;
        if (cpu().timer_pending) {
            cpu().timer_pending = false;
            record(0x100U + cpu().id);
            firmware_.on_timer();
        } else if (cpu().reschedule_pending) {
            cpu().reschedule_pending = false;
            record(0x200U + cpu().id);
            firmware_.on_reschedule();
        } else {
            const std::function<void()> handler = std::move(cpu().devices_pending.front());
            cpu().devices_pending.erase(cpu().devices_pending.begin());
            record(0x300U + cpu().id);
            handler();
        }
        record(cpu().time);
        if (std::exchange(cpu().work_flagged, false)) {
            firmware_.on_preemption_point();
        }
        cpu().interrupts_enabled = true;
    }
}

void Machine::switch_context(Fiber& from, Fiber& to) noexcept {
    SimulatedCpu& self = cpu();
    rename_fiber(*self.active, from);
    self.active = &to;
    transfer(from, to);
}

void Machine::send_reschedule(CpuId target) noexcept {
    if (target.value() < cpus_.size()) {
        post(cpu().time + static_cast<std::uint64_t>(options_.interrupt_latency.count()),
             target.value(), nullptr);
    }
}

void Machine::interrupt_in(Duration delay, CpuId target, std::function<void()> handler) {
    const std::uint64_t start = running_ == nullptr ? 0 : cpu().time;
    post(start + static_cast<std::uint64_t>(delay.count()), target.value(), std::move(handler));
}

void Machine::arm_timer(Instant deadline) noexcept {
    cpu().timer_deadline = deadline.nanoseconds();
    horizon_ = std::min(horizon_, cpu().timer_deadline);
}

}  // namespace kidney::sim
