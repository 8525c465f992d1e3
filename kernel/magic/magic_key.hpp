/// The magic key: what the kernel tells or does at a key press, whatever programs do. On the
/// keyboard Alt+SysRq and a letter, on the serial console a BREAK and a letter;
/// /proc/sysrq-trigger.
#pragma once

namespace kidney::kernel {

/// Any context but under a spin lock; in an interrupt, as a rule. Takes no lock that it would have
/// to wait for long, and panics for nothing but `c`. A letter that means nothing is answered with
/// those that do.
void press_magic_key(char letter) noexcept;

}  // namespace kidney::kernel
