# Signals that arrive in wait, in sleep, in functions and in subshells.
sleep 5 & p=$!; trap 'echo usr1' USR1; (sleep 0.2; kill -USR1 $$) & wait $p; echo "wait gave $?"; kill $p; wait $p; echo $?
trap 'n=$((n+1))' CHLD; n=0; for i in 1 2 3; do (exit $i) & done; wait; echo got $((n>0)); trap - CHLD
trap 'echo term; kill $c' TERM; sleep 10 & c=$!; (sleep 0.2; kill -TERM $$) & wait $c; echo $?; wait; echo all $?
trap 'echo got alrm' ALRM; (sleep 0.1; kill -ALRM $$) & sleep 0.5; echo after sleep; wait
trap 'echo int' INT; (kill -INT $$); echo sub; f() { trap 'echo in f' USR2; kill -USR2 $$; }; f; kill -USR2 $$
(trap; echo sub traps done); (trap 'echo sub exit' EXIT; echo in sub); x=$(trap 'echo cmdsub exit' EXIT; echo v); echo "$x"
trap 'echo nested; trap "echo second" USR1; kill -USR1 $$; echo end nested' USR1; kill -USR1 $$; kill -USR1 $$
trap 'echo "EXIT $?"' EXIT; trap '' USR1; kill -USR1 $$; sh -c 'trap - USR1; kill -USR1 $$; echo still ignored'; false
