/// What the heap has to say: to users about its state, and to everybody about who misused it.
#pragma once

#include "fs/procfs/text.hpp"

namespace kidney::kernel {

/// /proc/slabinfo, in Linux's format: every class that has slabs; of a heap without slabs the
/// title.
void write_slab_info(void*, fs::TextOutput& out) noexcept;

/// /proc/kidney/heap: live objects by the place that allocated them. Debug kernels; others say that
/// they do not know.
void write_heap_sites(void*, fs::TextOutput& out) noexcept;

}  // namespace kidney::kernel
