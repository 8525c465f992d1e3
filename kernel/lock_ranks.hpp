/// The global lock order. A thread takes locks of increasing rank only; debug kernels check it.
///
/// Two families are counted apart: *mutexes* (sleeping, held by a thread) and *spin locks* (held by
/// a CPU with its interrupts off). A mutex is never taken under a spin lock, so every mutex ranks
/// before every spin lock. Within a family, a lock ranks after everything that may be held when it
/// is taken.
#pragma once

#include "kidney/core/lock.hpp"

namespace kidney::kernel::ranks {

// Mutexes, outermost first.
inline constexpr LockRank event_scan{9, "event scan"};  // of one set; may end a file that it polls
inline constexpr LockRank process_tree{10,
                                       "process tree"};  // fork, exit and wait look at relatives
inline constexpr LockRank process_timers{12,
                                         "process timers"};  // copies user memory while it is held
inline constexpr LockRank serial_line{14, "serial line"};    // a raw line's writers take turns
inline constexpr LockRank pseudo_terminals{15, "pseudo-terminals"};  // their list; makes nodes
inline constexpr LockRank mounting{16, "mounting"};      // who changes the tree of mounts
inline constexpr LockRank file{18, "open file"};         // position of a description
inline constexpr LockRank devices{19, "devices"};        // which devices and fifos there are
inline constexpr LockRank pipe{20, "pipe"};              // copies user memory while it is held
inline constexpr LockRank file_locks{21, "file locks"};  // a closed file lets go of its locks
inline constexpr LockRank file_bytes{22, "file bytes"};  // a file's writers; copies user memory
inline constexpr LockRank way_home{23, "way home"};      // one sync; takes pages from mappings
inline constexpr LockRank unmapping{24, "unmapping"};    // a truncation visits all who map it
inline constexpr LockRank address_space{25,
                                        "address space"};  // a fault holds it and asks for pages
inline constexpr LockRank ipc{26, "ipc"};                  // a mapping of shared memory ends
inline constexpr LockRank sockets{27, "sockets"};          // the state of all; lets go of memory
inline constexpr LockRank vfs{28, "vfs"};                  // mount table and name cache
inline constexpr LockRank file_system{30, "file system"};  // one mounted file system
inline constexpr LockRank quotas{32, "quotas"};            // of one; allocates an entry
inline constexpr LockRank page_cache{34, "page cache"};    // filled from within a file system
inline constexpr LockRank nodes{36, "nodes"};      // its files in memory: the cache asks their size
inline constexpr LockRank changes{37, "changes"};  // who watches what; nodes end under any mutex

// Spin locks, outermost first.
inline constexpr LockRank wall_clock{50, "wall clock"};  // setting it moves timers, wakes sleepers
inline constexpr LockRank timers{52,
                                 "timers"};  // an expired timer posts signals and wakes sleepers
inline constexpr LockRank terminal_line{54, "terminal line"};  // fed by interrupts
inline constexpr LockRank shown{55, "shown"};      // what a pseudo-terminal shows; wakes its reader
inline constexpr LockRank screens{56, "screens"};  // which is shown; wakes who waits for it
inline constexpr LockRank disk_queue{57, "disk queue"};  // requests that wait for a disk
inline constexpr LockRank disk{58, "disk"};              // what a disk works on
inline constexpr LockRank signals{60, "signals"};  // posted from interrupts; may wake a thread
inline constexpr LockRank process_view{62,
                                       "process view"};  // one entry or reference; takes nothing
inline constexpr LockRank accounts{64, "accounts"};      // the list of users; takes nothing
inline constexpr LockRank event{65, "event"};            // of one counter or timer; tells and wakes
inline constexpr LockRank poll{66, "poll"};              // a file's pollers; tells and wakes them
inline constexpr LockRank events{68, "events"};          // all event sets: who is ready; wakes
inline constexpr LockRank wait_queue{70, "wait queue"};  // a waker holds it while it wakes
inline constexpr LockRank inheritance{74, "inheritance"};    // who waits for whom; lends and wakes
inline constexpr LockRank roster{78, "roster"};              // moves what run queues keep
inline constexpr LockRank run_queue{80, "run queue"};        // one rank per CPU: 80 to 87
inline constexpr LockRank futex{72, "futex"};                // wakes sleepers
inline constexpr LockRank load_average{88, "load average"};  // takes nothing
inline constexpr LockRank random{89, "random"};              // takes nothing
inline constexpr LockRank heap{90, "heap"};              // takes frames when a size class is empty
inline constexpr LockRank mappings{91, "mappings"};      // who maps a file; takes nothing
inline constexpr LockRank kernel_map{94, "kernel map"};  // kernel stacks and device windows
inline constexpr LockRank pci{95, "pci"};  // an address port and a data port; takes nothing
inline constexpr LockRank frame_references{96, "frame references"};  // takes a frame to count with
inline constexpr LockRank frames{98, "frames"};                      // takes nothing
inline constexpr LockRank console{110, "console"};                   // anyone may log at any time

}  // namespace kidney::kernel::ranks
