/// What a scheduling decision costs: every policy of the slot, beside queues made by hand.
///
///   switch    whoever runs is charged and goes to the queue, the next one leaves it; all are alike
///   mixed     the same, with random priorities, weights and times
///   wake      whoever runs falls asleep, another one runs, the sleeper wakes up; mixed from here
///   on charge    whoever runs has run a millisecond more remove    an entity from anywhere in the
///   queue leaves it and comes back enqueue   an empty queue is filled pick      a full queue is
///   emptied
///
/// n is the number of queued entities. What stands beside whom: sched_peer.hpp.
#include "bench/sched_peer.hpp"
#include "sched/trace/traced.hpp"

#include <string>

namespace kidney::bench {
namespace {

/// Before main(), as BENCHMARK() does it, because the policies are a list of types.
const bool registered = [] {
    policies::scheduler::All::for_each([]<class P>() { add_scheduler<P>(P::name, group_of<P>()); });
    using Selected = policies::scheduler::Selected;
    add_scheduler<sched::Traced<Selected>>(std::string("traced_") + Selected::name,
                                           group_of<Selected>());
    return true;
}();

}  // namespace
}  // namespace kidney::bench
