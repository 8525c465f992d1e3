# The policies of sched/. A new one is its header and one line here.
kidney_slot(scheduler VARIABLE KIDNEY_SCHEDULER DEFAULT round_robin)
kidney_policy(scheduler round_robin sched/policies/round_robin.hpp sched::RoundRobin)
kidney_policy(scheduler fixed_priority sched/policies/fixed_priority.hpp sched::FixedPriority)
kidney_policy(scheduler fifo sched/policies/fifo.hpp sched::Fifo)
kidney_policy(scheduler mlfq sched/policies/mlfq.hpp sched::Mlfq)
kidney_policy(scheduler lottery sched/policies/lottery.hpp sched::Lottery)
kidney_policy(scheduler stride sched/policies/stride.hpp sched::Stride)
kidney_policy(scheduler cfs sched/policies/cfs.hpp sched::Cfs)
