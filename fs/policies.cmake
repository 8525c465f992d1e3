# The policies of fs/. A new one is its header and one line here.
kidney_slot(disk_scheduler VARIABLE KIDNEY_DISK_SCHEDULER DEFAULT deadline)
kidney_policy(disk_scheduler fifo fs/disk_schedulers/fifo.hpp fs::FifoDisk)
kidney_policy(disk_scheduler sstf fs/disk_schedulers/sstf.hpp fs::ShortestSeekFirst)
kidney_policy(disk_scheduler c_look fs/disk_schedulers/c_look.hpp fs::CircularLook)
kidney_policy(disk_scheduler deadline fs/disk_schedulers/deadline.hpp fs::DeadlineDisk)

kidney_slot(cache_replacement VARIABLE KIDNEY_CACHE_REPLACEMENT DEFAULT lru)
kidney_policy(cache_replacement lru fs/replacement/lru.hpp fs::LeastRecentlyUsed)
kidney_policy(cache_replacement fifo fs/replacement/fifo.hpp fs::FirstInFirstOut)
kidney_policy(cache_replacement clock fs/replacement/clock.hpp fs::SecondChanceClock)
kidney_policy(cache_replacement two_q fs/replacement/two_q.hpp fs::TwoQueues)
kidney_policy(cache_replacement arc fs/replacement/arc.hpp fs::AdaptiveReplacement)
