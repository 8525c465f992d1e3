# Every kind of end, as every kind of waiter reports it. (The shell tells of a killed job only if it waits already.)
for s in 0 1 2 126 127 128 129 255; do sh -c "exit $s"; echo -n "$? "; done; echo; for s in 1 2 3 6 9 13 14 15; do sh -c "kill -$s \$\$"; echo -n "$? "; done 2>/dev/null; echo; for s in 1 9 15; do (kill -$s $(exec sh -c 'echo $PPID')) ; echo -n "$? "; done 2>/dev/null; echo; sh -c 'exit 3' | true; echo $?; if sh -c 'kill -9 $$'; then echo t; else echo f$?; fi 2>/dev/null; (exit 5) & a=$!; (sleep 0.5; kill -9 $(sh -c 'echo $PPID')) & b=$!; wait $b; echo $?; wait $a; echo $?; x=$(sh -c 'kill -15 $$'); echo $?; `exit 8`; echo $?; eval '(exit 6)'; echo $?; . /dev/stdin <<E
(exit 11)
E
echo $?; timeout 5 sh -c 'kill -9 $$'; echo $?; xargs sh -c 'exit 3' < /dev/null; echo $?; find . -maxdepth 0 -exec sh -c 'exit 4' \; ; echo $?; awk 'BEGIN{print system("exit 5"); print system("kill -9 $$")}'; env sh -c 'exit 12'; echo $?; setsid sh -c 'exit 13'; echo $?
