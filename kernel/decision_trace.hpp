/// The boot option `trace`: writes the scheduler's first decisions to the log, so that
/// tools/sched/replay_trace.cpp can repeat them on the host.
#pragma once

namespace kidney::kernel {

/// Starts recording on every CPU; before the first thread starts. Without memory for the records it
/// says so and records nothing.
void start_decision_trace() noexcept;

/// Writes what was recorded to the log; nothing if nothing was.
void write_decision_trace() noexcept;

}  // namespace kidney::kernel
