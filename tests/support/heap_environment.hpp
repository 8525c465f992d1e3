/// `HeapEnvironment`s for host tests and benchmarks.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/hal/cpu.hpp"
#include "mm/heap/heap_environment.hpp"
#include "sim/ram_arena.hpp"
#include "tests/support/std_cpu.hpp"

namespace kidney::test {

/// Over the simulated machine's memory; by default for one thread.
template <class FramesType, BasicLockable LockType = NullLock, class CpuType = StdCpu>
struct TestHeapEnvironment {
    using Frames = FramesType;
    using Phys = sim::RamArena;
    using Lock = LockType;
    using Cpu = CpuType;
    using Pin = hal::NoPin;
};

}  // namespace kidney::test
