# Traps on exit, on signals, in subshells; ignored signals.
trap 'echo exit trap $?' EXIT
trap 'echo usr1' USR1
kill -USR1 $$
kill -USR1 $$
trap 'echo term; trap - TERM' TERM
kill -TERM $$
(trap 'echo sub exit' EXIT; echo in sub)
(kill -TERM $(sh -c 'echo $PPID'); echo not reached); echo "sub ended $?"
trap '' INT
kill -INT $$
sh -c 'kill -INT $$; echo child ignored it too'
trap - INT
sh -c 'trap "echo got hup; exit 4" HUP; kill -HUP $$; echo not here'; echo $?
trap | sort
f() { trap 'echo replaced' EXIT; }
f
exit 7
