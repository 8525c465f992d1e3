# Background jobs and wait: statuses, order, $!.
sleep 0.1 & wait; echo "all $?"
(exit 3) & wait $!; echo $?
sh -c 'exit 42' & a=$!
sh -c 'exit 43' & b=$!
wait $b; echo $?; wait $a; echo $?
(sleep 0.3; echo slow) & (echo fast) & wait
for i in 3 1 2; do (sleep 0.$((i*2)); echo "job $i") & done; wait
x=$( (echo inside) & wait ); echo $x
sleep 100 & kill $!; wait $! 2>/dev/null; echo "killed $?"
wait 999999 2>/dev/null; echo "unknown $?"
{ sleep 0.2; echo done > flag; } &
while [ ! -f flag ]; do sleep 0.05; done; cat flag
wait; echo end
