# Mutual exclusion by mkdir, ln and noclobber, between processes that count together.
echo 0 > n
add() { i=0; while [ $i -lt 10 ]; do until mkdir lock 2>/dev/null; do :; done; read c < n; echo $((c+1)) > n; rmdir lock; i=$((i+1)); done; }
add & add & add & wait; cat n
echo a > t1; ln t1 linklock && echo first; ln t1 linklock 2>/dev/null || echo second fails; (set -C; : > noclobber) && echo created; (set -C; : > noclobber) 2>/dev/null || echo exists
