/// The simulated machine: CPUs as fibers, virtual time, interrupts as events. One host thread,
/// deterministic: the same seed gives the same run, down to the trace hash.
///
/// Each CPU has a local time. The machine always lets the CPU that is furthest behind go on; every
/// step costs a little random (seeded) time, so different seeds give different interleavings.
/// A step is an atomic operation, a turn of a spin loop, an interrupt-flag change, or compute().
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/cpu.hpp"
#include "sim/fiber.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace kidney::sim {

struct MachineOptions {
    std::uint32_t cpus = 1;
    std::uint64_t seed = 1;
    Duration time_limit = Duration::seconds(1000);  ///< virtual; a livelock ends here
    Duration interrupt_latency = Duration::nanoseconds(300);
};

enum class Outcome : std::uint8_t {
    stopped,      ///< stop() was called
    deadlock,     ///< every CPU halts and nothing will ever interrupt one
    out_of_time,  ///< the limit has passed
};

/// What the software on the machine does; the counterpart of the upcalls in hal/upcalls.hpp.
struct Firmware {
    std::function<void(CpuId)> boot;  ///< first code of every CPU, interrupts off; never returns
    std::function<void()> on_timer;
    std::function<void()> on_reschedule;
    std::function<void()> on_preemption_point;  ///< an interrupt ends and work was flagged
};

class Machine {
public:
    Machine(const MachineOptions& options, Firmware firmware);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// Boots all CPUs and runs until somebody calls stop(), a deadlock, or the limit. Once.
    Outcome run();
    /// From inside: run() returns soon.
    void stop() noexcept { stopping_ = true; }

    /// The machine whose code the host thread executes now; nullptr outside of run().
    [[nodiscard]] static Machine* active() noexcept;

    /// A device interrupt: `handler` runs on `cpu`, interrupts off, `delay` from now.
    void interrupt_in(Duration delay, CpuId cpu, std::function<void()> handler);

    /// FNV-1a over everything that was recorded: switches, interrupts, their CPUs and times.
    [[nodiscard]] std::uint64_t trace_hash() const noexcept { return hash_; }
    void record(std::uint64_t value) noexcept;
    /// Seeded; also for the software's own decisions, so that one seed rules everything.
    [[nodiscard]] std::uint32_t random() noexcept;
    [[nodiscard]] std::uint32_t cpus() const noexcept {
        return static_cast<std::uint32_t>(cpus_.size());
    }
    /// How much a CPU has done; compute() does not count.
    [[nodiscard]] std::uint64_t steps(CpuId cpu) const noexcept {
        return cpus_[cpu.value()]->steps;
    }
    [[nodiscard]] std::uint64_t interrupts_delivered() const noexcept { return delivered_; }

    // --- For the hal models in sim/cpu.hpp ---
    struct SimulatedCpu {
        std::uint32_t id = 0;
        std::uint64_t time = 0;  ///< ns
        std::uint64_t steps = 0;
        bool interrupts_enabled = false;
        bool halted = false;
        bool work_flagged = false;
        bool timer_pending = false;
        bool reschedule_pending = false;
        std::vector<std::function<void()>> devices_pending;
        std::uint64_t timer_deadline = ~std::uint64_t{0};
        HeldRanks held_ranks;
        void* thread = nullptr;
        Fiber boot;
        Fiber* active = nullptr;  ///< stands for the context that this CPU executes
        std::unique_ptr<std::byte[]> stack;

        [[nodiscard]] bool has_pending() const noexcept {
            return timer_pending || reschedule_pending || !devices_pending.empty();
        }
    };
    [[nodiscard]] SimulatedCpu& cpu() noexcept { return *running_; }
    [[nodiscard]] Instant now() noexcept;
    /// One step of `cost` ns and a bit; others may run, and pending interrupts are delivered.
    void step(std::uint64_t cost) noexcept;
    void compute(Duration work) noexcept;
    void halt() noexcept;
    void deliver_interrupts() noexcept;
    void switch_context(Fiber& from, Fiber& to) noexcept;
    void send_reschedule(CpuId target) noexcept;
    void arm_timer(Instant deadline) noexcept;

private:
    struct Event {
        std::uint64_t time;
        std::uint64_t sequence;
        std::uint32_t cpu;
        std::function<void()> handler;  ///< empty: a reschedule interrupt
        friend bool operator<(const Event& a, const Event& b) noexcept {
            return a.time != b.time ? a.time > b.time : a.sequence > b.sequence;  // min-heap
        }
    };
    struct BootArgument {
        Machine* machine;
        CpuId cpu;
    };

    void back_to_host() noexcept;
    void post(std::uint64_t time, std::uint32_t cpu, std::function<void()> handler);
    void deliver_event();
    [[nodiscard]] std::uint64_t next_timer(std::uint32_t& owner) const noexcept;
    [[nodiscard]] SimulatedCpu* furthest_behind() noexcept;
    void make_pending_until(std::uint64_t time);

    MachineOptions options_;
    Firmware firmware_;
    std::vector<std::unique_ptr<SimulatedCpu>> cpus_;
    std::vector<BootArgument> boot_arguments_;
    std::vector<Event> events_;  ///< heap
    SimulatedCpu* running_ = nullptr;
    Fiber host_;
    std::uint64_t horizon_ = 0;    ///< the running CPU may go on alone until then
    std::uint64_t last_read_ = 0;  ///< newest time that anybody has seen
    std::uint64_t sequence_ = 0;
    std::uint64_t random_state_;
    std::uint64_t hash_ = 0xcbf29ce484222325U;
    std::uint64_t delivered_ = 0;
    bool stopping_ = false;
};

}  // namespace kidney::sim
