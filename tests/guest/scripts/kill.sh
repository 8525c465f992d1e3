# kill: signals by name and number, statuses, groups, kill -0.
sleep 100 & p=$!
kill -0 $p && echo alive
kill -9 $p; wait $p 2>/dev/null; echo $?
kill -0 $p 2>/dev/null || echo dead
for s in HUP INT QUIT TERM USR1 USR2 ALRM PIPE; do
    sh -c "kill -$s \$\$; echo survived"; echo "$s $?"
done 2>/dev/null
sh -c 'trap "" TERM; kill -TERM $$; echo ignores TERM'
sleep 100 & p=$!; kill -STOP $p; kill -CONT $p; kill $p; wait $p 2>/dev/null; echo $?
kill -l 9 15 2>&1
kill -NOSUCH $$ 2>/dev/null; echo $?
kill 2>/dev/null; echo "no argument $?"
