# Jobs of a script: wait by number, jobs -p, statuses kept until asked for.
sleep 0.1 & sleep 0.3 & wait %1; echo "one $?"; wait; jobs; echo none
sh -c 'exit 12' & p=$!; sleep 0.3; wait $p; echo $?
sleep 50 & sleep 50 & [ "$(jobs -p | wc -l)" -ge 2 ] && echo two; kill $(jobs -p); wait; echo "all killed"
(exit 3) & a=$!; (exit 4) & b=$!; wait $a $b; echo $?; set -m 2>/dev/null; echo "no terminal"
sh -c 'sleep 0.2; exit 5' & while kill -0 $! 2>/dev/null; do sleep 0.05; done; wait $!; echo $?
