#include "kernel/decision_trace.hpp"

#include "kernel/kernel.hpp"
#include "kidney/core/log.hpp"
#include "sched/trace/record.hpp"

#include <new>
#include <span>

namespace kidney::kernel {
namespace {

constexpr std::size_t records_per_cpu = 1500;  // writing them to a serial port takes seconds

/// Never given back: it is for runs that end with the trace.
std::span<sched::TraceRecord> allocate_records() noexcept {
    const Result<void*> memory = heap().allocate(records_per_cpu * sizeof(sched::TraceRecord));
    if (!memory) {
        return {};
    }
    auto* const records = static_cast<sched::TraceRecord*>(*memory);
    for (std::size_t i = 0; i < records_per_cpu; ++i) {
        ::new (&records[i]) sched::TraceRecord();
    }
    return {records, records_per_cpu};
}

}  // namespace

void start_decision_trace() noexcept {
    for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
        const std::span<sched::TraceRecord> records = allocate_records();
        if (records.empty()) {
            log::warning<"sched">("no memory to trace CPU {}", cpu);
            return;
        }
        dispatcher().with_policy(
            CpuId(cpu), [&](DispatchConfig::Policy& policy) noexcept { policy.attach(records); });
    }
}

void write_decision_trace() noexcept {
    for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
        // What is recorded does not change any more; only the snapshot needs the queue's lock.
        std::span<const sched::TraceRecord> records;
        std::size_t dropped = 0;
        dispatcher().with_policy(CpuId(cpu), [&](DispatchConfig::Policy& policy) noexcept {
            records = policy.records();
            dropped = policy.dropped();
        });
        if (!records.empty()) {
            sched::write_trace(records, dropped, SchedulerPolicy::name,
                               DispatchConfig::policy_setup(CpuId(cpu)),
                               [](std::string_view line) { log::info<"sched">("{}", line); });
        }
    }
}

}  // namespace kidney::kernel
