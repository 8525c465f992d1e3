/// The composition root: the one place that names both the hardware and the policies.
///
/// A table, no logic. Change a line (or the cache variable behind `policies::...::Selected`), and
/// this is another kernel. The objects of these types are in kernel/kernel.hpp.
#pragma once

#include "arch/i686/cpu/cpu.hpp"
#include "arch/i686/cpu/pages.hpp"
#include "arch/i686/mm/mmu.hpp"
#include "arch/i686/mm/user_memory.hpp"
#include "arch/i686/time/clock.hpp"
#include "arch/i686/time/timer.hpp"
#include "fs/block/any_block_device.hpp"
#include "fs/ext2/ext2.hpp"
#include "fs/fat/fat_nodes.hpp"
#include "fs/kfs/kfs.hpp"
#include "fs/page_cache.hpp"
#include "fs/tmpfs/tmpfs.hpp"
#include "fs/vfs/vfs.hpp"
#include "fs/vsfs/vsfs.hpp"
#include "kernel/lock_ranks.hpp"
#include "kernel/memory/kernel_map.hpp"
#include "kernel/memory/kernel_stacks.hpp"
#include "kernel/memory/phys_map.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/thread.hpp"
#include "mm/address_space.hpp"
#include "mm/frame_service.hpp"
#include "mm/frames/frame_sites.hpp"
#include "mm/heap/debug_heap.hpp"
#include "mm/locked_frames.hpp"
#include "mm/magazines.hpp"
#include "mm/reclaiming_frames.hpp"
#include "mm/reclaiming_heap.hpp"
#include "mm/reference_counts.hpp"
#include "mm/trace/recorded_frames.hpp"
#include "policies/selected/cache_replacement.hpp"
#include "policies/selected/disk_scheduler.hpp"
#include "policies/selected/frame_allocator.hpp"
#include "policies/selected/heap.hpp"
#include "policies/selected/load_balancer.hpp"
#include "policies/selected/scheduler.hpp"
#include "sched/dispatcher.hpp"
#include "sched/sync/condition_variable.hpp"
#include "sched/sync/event.hpp"
#include "sched/sync/mutex.hpp"
#include "sched/sync/semaphore.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/sync/wait_queue.hpp"
#include "sched/trace/traced.hpp"
#ifdef KIDNEY_PAE
#include "arch/i686/mm/pae.hpp"
#else
#include "arch/i686/mm/two_level.hpp"
#endif

namespace kidney::kernel {

// The machine.
using Cpu = arch::Cpu;
using Clock = arch::Clock;
using Timer = arch::Timer;
using Mmu = arch::Mmu;
using UserMemory = arch::UserMemory;
#ifdef KIDNEY_PAE
using PageFormat = arch::Pae;
#else
using PageFormat = arch::TwoLevel;
#endif

// The policies.
using FramePolicy = mm::FramesOf<policies::frame_allocator::Selected, Cpu>;
using SchedulerPolicy = policies::scheduler::Selected;
using LoadBalancer = policies::load_balancer::Selected;
using HeapPolicy = policies::heap::Selected;
using DiskPolicy = policies::disk_scheduler::Selected;
using CachePolicy = policies::cache_replacement::Selected;

template <const LockRank& Rank>
using SpinLock = sched::SpinLock<Rank, Cpu>;

// Threads.
struct SwitchHooks {
    static void switching(Thread& from, Thread& to) noexcept;
    static void exited(Thread& thread) noexcept;
    static void woken(Thread& thread, CpuId cpu, bool is_new) noexcept;
    static void moved(Thread& thread, CpuId from, CpuId to) noexcept;
};
struct DispatchConfig {
    using Cpu = kernel::Cpu;
    using Clock = kernel::Clock;
    using Timer = kernel::Timer;
    using Policy = sched::Traced<SchedulerPolicy>;  // records only with the boot option `trace`
    using Balancer = LoadBalancer;
    using Local = kernel::Cpu;
    using Thread = kernel::Thread;
    using Hooks = SwitchHooks;
    [[nodiscard]] static sched::PolicySetup policy_setup(CpuId cpu) noexcept {
        return {.cpu = cpu, .seed = cpu.value() + 1U, .quantum = Duration()};
    }
    static constexpr Duration tick = Duration::milliseconds(10);
    static constexpr LockRank run_queue_rank = ranks::run_queue;
    static constexpr LockRank timer_rank = ranks::timers;
    static constexpr const LockRank& inheritance_rank = ranks::inheritance;
    static constexpr LockRank roster_rank = ranks::roster;
};
using Dispatcher = sched::Dispatcher<DispatchConfig>;
struct DispatcherPlace {
    [[nodiscard]] static Dispatcher& dispatcher() noexcept;
    static constexpr const LockRank& wait_queue_rank = ranks::wait_queue;
};
using Threads = sched::Threads<Dispatcher, DispatcherPlace>;
template <const LockRank& Rank>
using Mutex = sched::Mutex<Rank, Threads>;
using WaitQueue = sched::WaitQueue<Threads>;
using Semaphore = sched::Semaphore<Threads>;
using Event = sched::Event<Threads>;

/// Pins a thread to its CPU while it looks through a window at high memory.
struct Preemption {
    static void disable() noexcept;
    static void enable() noexcept;
};

// Memory.
using KernelTables = KernelMap<PageFormat>;
using PhysMap = KernelPhysMap<KernelTables, Cpu, Mmu, Preemption, arch::Pages>;
/// Says whose memory runs short (kernel/resource/frame_claims.cpp).
struct Claimants {
    [[nodiscard]] static mm::FrameClaim current() noexcept;
};
/// Records only with the boot option `trace_frames` (kernel/memory/frame_trace.cpp).
struct FrameRecording {
    static mm::FrameTrace trace;
};
struct HeapContext {
    [[nodiscard]] static bool may_sleep() noexcept;
};
using RecordedPolicy = mm::RecordedFrames<FramePolicy, FrameRecording>;
// WHY interrupts off and not only preemption: signals, which timers post, come from the heap, and
// whoever empties a magazine may hold a lock that a handler wants (docs/decisions/0015).
using FrameZones = mm::Magazines<mm::SharedFrames<RecordedPolicy, SpinLock<ranks::frames>>, Cpu,
                                 hal::InterruptGuard<Cpu>, mm::NoMarks>;
using FrameReferences = mm::ReferenceCounts<Cpu, PhysMap, SpinLock<ranks::frame_references>>;
#ifdef KIDNEY_DEBUG
using Frames = mm::FrameSites<mm::FrameService<FrameZones, FrameReferences, Claimants>>;
#else
using Frames = mm::FrameService<FrameZones, FrameReferences, Claimants>;
#endif
using Stacks = KernelStacks<KernelTables, Frames, Mmu, SpinLock<ranks::kernel_map>>;
using ReclaimingFrames = mm::ReclaimingFrames<Frames>;  // for those who hold no spin lock
struct HeapEnvironment {
    using Frames = kernel::Frames;
    using Phys = PhysMap;
    using Lock = SpinLock<ranks::heap>;
    using Cpu = kernel::Cpu;
    using Pin = hal::InterruptGuard<kernel::Cpu>;  // as for frames: timers post signals
    /// Objects that there are many of, or that come and go with every process or file.
    static constexpr std::array object_caches{
        "region",    "address_space", "process",   "thread",    "file",
        "ext2_node", "cached_page",   "page_tree", "kept_path",
    };
};
#ifdef KIDNEY_DEBUG
struct HeapReports {
    [[noreturn]] static void misuse(const mm::HeapMisuse& misuse) noexcept;
};
using CheckedHeap =
    mm::DebugHeap<HeapPolicy::Heap<HeapEnvironment>, HeapReports, Cpu, HeapEnvironment::Pin>;
#else
using CheckedHeap = HeapPolicy::Heap<HeapEnvironment>;
#endif
using Heap = mm::ReclaimingHeap<CheckedHeap, ReclaimingFrames, HeapContext>;
using ReverseMap = mm::ReverseMap<Mutex<ranks::unmapping>, SpinLock<ranks::mappings>>;
using MemoryEnvironment = mm::MemoryEnvironment<ReclaimingFrames, PhysMap, Heap, ReverseMap>;
using AddressSpace = mm::AddressSpace<PageFormat, ReclaimingFrames, PhysMap, Mmu, Heap,
                                      Mutex<ranks::address_space>, ReverseMap>;

// Files.
/// One for the machine, held for moments, and not across a disk: about as long as a wake-up on
/// another CPU takes.
using PageCacheMutex = sched::Mutex<ranks::page_cache, Threads, 1000>;
using PageCache = fs::PageCache<Heap, Frames, PhysMap, PageCacheMutex, WaitQueue, CachePolicy>;
using DiskLocks = fs::DiskLocks<Mutex<ranks::file_bytes>, Mutex<ranks::way_home>,
                                Mutex<ranks::file_system>, Mutex<ranks::nodes>>;
using Ext2 = fs::Ext2<Heap, PageCache, DiskLocks, WallFileClock>;
using Kfs = fs::Kfs<Heap, PageCache, DiskLocks, WallFileClock>;
using Fat = fs::Fat<Heap, PageCache, DiskLocks, WallFileClock>;
using Vsfs = fs::Vsfs<Heap, fs::AnyBlockDevice, Mutex<ranks::file_system>, Mutex<ranks::nodes>,
                      WallFileClock>;
using Tmpfs = fs::Tmpfs<Heap, ReclaimingFrames, PhysMap, Mutex<ranks::file_system>, WallFileClock,
                        Mutex<ranks::quotas>>;
using Vfs = fs::Vfs<Heap, Mutex<ranks::file>, Mutex<ranks::vfs>>;

// What the table must add up to.
static_assert(hal::PhysMap<PhysMap>, "config: PhysMap must reach every frame");
static_assert(hal::PageMover<PhysMap>, "config: PhysMap must know how to clear a page");
static_assert(mm::CountedFrames<Frames>, "config: Frames must count references");
static_assert(mm::ObjectAllocator<Heap>, "config: Heap must make objects");
static_assert(hal::UserMemory<UserMemory>, "config: UserMemory must survive faults");

}  // namespace kidney::kernel
