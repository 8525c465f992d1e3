/// Faults on purpose: what a panic reports is tested like anything else.
#pragma once

#include "kernel/boot/command_line.hpp"

namespace kidney::kernel {

/// Does what `panic=` asked for. Does not return, unless that is nothing.
void commit_fault(PlantedFault fault) noexcept;

}  // namespace kidney::kernel
