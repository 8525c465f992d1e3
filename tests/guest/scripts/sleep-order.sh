# Sleeping processes wake in the order of their times.
for n in 5 3 1 4 2; do (sleep 0.$((n+1)); echo $n) & done; wait
sleep 0; echo zero; sleep 0.01 && echo short; (sleep 0.5; echo B) & (sleep 0.2; echo A) & sleep 0.8; echo C; usleep 1000; echo D; wait
timeout 0.3 sleep 10; echo $?; timeout 10 true; echo $?; timeout 10 sh -c 'exit 4'; echo $?
