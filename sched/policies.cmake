# The policies of sched/. A new one is its header and one line here.
kidney_slot(scheduler VARIABLE KIDNEY_SCHEDULER DEFAULT round_robin)
