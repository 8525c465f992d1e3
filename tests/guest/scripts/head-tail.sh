# head and tail, by lines and bytes, from pipes and files.
seq 1 20 > f; head -n 3 f; tail -n 3 f; head -n -17 f; tail -n +18 f; head -c 7 f; echo; tail -c 6 f
seq 1 20 | head; seq 1 100000 | tail -n 2; head -n 0 f; cat f | tail -c 3; printf 'no end' | head -n 1; echo; head -n 1 f f; head -n 5 f | tail -n 1
seq 1 1000000 | head -n 1; dd if=/dev/zero bs=1000 count=10 2>/dev/null | head -c 5000 | wc -c
