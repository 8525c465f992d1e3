/// There is no lock without a place in the global order.
#include "sched/sync/spin_lock.hpp"
#include "sim/cpu.hpp"

using namespace kidney;

// EXPECT: template argument for non-type template parameter must be an expression
using Unranked = sched::SpinLock<sim::Cpu>;
