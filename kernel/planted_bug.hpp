/// A bug to be found: boot with `panic=corruption`. docs/tools/record-replay.md finds it.
#pragma once

namespace kidney::kernel {

/// A word is overwritten by a thread that has long ended when the damage is noticed, which is a
/// panic. Interrupts on; sleeps.
[[noreturn]] void run_into_planted_bug() noexcept;

}  // namespace kidney::kernel
