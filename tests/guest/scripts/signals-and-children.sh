# A shell that waits, is signalled, and goes on; children that die in different ways.
trap 'echo caught' USR1
(sleep 0.2; kill -USR1 $$) & sleep 0.5; wait; echo after
sleep 5 & p=$!; (sleep 0.2; kill -USR1 $$) & wait $p; echo "wait $?"; kill $p; wait $p 2>/dev/null; echo "again $?"
sh -c 'kill -SEGV $$' 2>/dev/null; echo $?; sh -c 'kill -9 $$' 2>/dev/null; echo $?; sh -c 'exit 130'; echo $?
for s in TERM INT HUP; do sh -c "trap 'echo handler $s; exit 1' $s; kill -$s \$\$; sleep 5"; echo $?; done
sh -c 'trap "echo bye" EXIT; trap "exit 3" TERM; kill -TERM $$; sleep 5'; echo $?
(trap 'echo pipe >&2; exit 5' PIPE; while :; do echo data || exit 6; done) 2>/dev/null | head -n 1; yes | head -n 2 | tail -n 1; echo end
