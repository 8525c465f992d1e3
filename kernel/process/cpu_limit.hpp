/// RLIMIT_CPU.
#pragma once

namespace kidney::kernel {

/// Sends the running process SIGXCPU or SIGKILL when it has used its CPU time up. In the timer
/// interrupt, which comes at the end of each slice: a process is late by one slice at most.
void enforce_cpu_limit() noexcept;

}  // namespace kidney::kernel
