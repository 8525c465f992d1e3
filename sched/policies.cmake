# The policies of sched/. A new one is its header and one line here.
kidney_slot(scheduler VARIABLE KIDNEY_SCHEDULER DEFAULT round_robin)
kidney_policy(scheduler round_robin sched/policies/round_robin.hpp sched::RoundRobin)
kidney_policy(scheduler fixed_priority sched/policies/fixed_priority.hpp sched::FixedPriority)
