/// Thread-local storage segments: struct user_desc to GDT entries.
#pragma once

#include "kernel/kernel.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

namespace kidney::kernel {

/// set_thread_area(2) for the calling thread: entry -1 takes a free one and tells which.
/// Errors: bad_address, invalid_argument, no_process (ESRCH: all taken).
[[nodiscard]] Status set_thread_area(Thread& self, VirtAddr user_desc) noexcept;
/// get_thread_area(2).
[[nodiscard]] Status get_thread_area(Thread& self, VirtAddr user_desc) noexcept;
/// CLONE_SETTLS: for a thread that has not run yet.
[[nodiscard]] Status set_thread_area_of_child(Thread& child, VirtAddr user_desc) noexcept;

}  // namespace kidney::kernel
