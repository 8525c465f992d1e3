/// The mutex for threads whose worst case counts: its holder runs at once with the urgency of the
/// most urgent thread that will ever take it.
///
/// So on one CPU nobody that shares it can come between, whoever is at the top waits for at most
/// one critical section in all, and threads that take such mutexes only cannot deadlock. What it
/// costs: somebody has to know the ceiling, and the holder delays those in between even if nobody
/// wants the mutex. On several CPUs one may still find it taken, and waits as for a `Mutex`.
///
/// Theory: the immediate form of the priority-ceiling protocol (Sha, Rajkumar and Lehoczky 1990;
/// POSIX has it as PTHREAD_PRIO_PROTECT; Baker's stack resource policy, 1991, is its form for EDF).
#pragma once

#include "sched/sync/mutex.hpp"

namespace kidney::sched {

/// As `Mutex`, but never in one atomic operation, where the policy has urgencies; try_lock() fails
/// then. Without urgencies it is a `Mutex`.
template <const LockRank& Rank, ThreadControl Threads>
class CAPABILITY("mutex") CeilingMutex : public Mutex<Rank, Threads> {
public:
    /// As the policy counts it (`LendsUrgency`): of fixed priority, the level.
    explicit CeilingMutex(Urgency ceiling) noexcept : Mutex<Rank, Threads>(ceiling) {}
};

}  // namespace kidney::sched
