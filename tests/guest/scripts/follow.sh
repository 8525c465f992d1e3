# A log that grows while it is read.
: > log; tail -f log > seen & t=$!; sleep 0.3; for i in 1 2 3; do echo "entry $i" >> log; done
n=0; while [ "$(wc -l < seen)" -lt 3 ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done; kill $t; wait $t 2>/dev/null; cat seen
(for i in 1 2 3 4 5; do echo "$i"; sleep 0.05; done) | tee copy | while read x; do echo "line $x"; done; wc -l < copy
