/// Words of user memory that threads sleep by, for those of the kernel who change them.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

#include <cstdint>

namespace kidney::kernel {

class Process;

/// Wakes one thread that sleeps until the word changes, if there is one.
void wake_futex(Process& self, VirtAddr word) noexcept;
/// Returns what was there. Error: bad_address (also of a word that is not aligned).
[[nodiscard]] Result<std::uint32_t> compare_exchange_word(VirtAddr word, std::uint32_t expected,
                                                          std::uint32_t desired) noexcept;

}  // namespace kidney::kernel
