/// What the magic keys tell (kernel/magic/magic_key.hpp). Any context; they wait for no lock.
#pragma once

namespace kidney::kernel {

void report_threads() noexcept;
void report_waiting_threads() noexcept;
void report_locks() noexcept;
void report_cpus() noexcept;
void report_memory() noexcept;

}  // namespace kidney::kernel
