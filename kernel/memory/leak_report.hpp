/// What is left on the heap at the end that was not there when the first program began.
#pragma once

namespace kidney::kernel {

/// From here on, what is allocated must be gone at the end. Once, before the first program runs.
/// `with_a_leak`: three objects are lost on purpose, for the test. Only a debug kernel watches.
void start_leak_watch(bool with_a_leak) noexcept;
/// Says in the log who has allocated what is left. For when all programs have ended; says so, and
/// nothing else, if they have not. Gives up files in memory and empties the caches: may sleep, and
/// no file is used after this.
void report_leaks() noexcept;

}  // namespace kidney::kernel
