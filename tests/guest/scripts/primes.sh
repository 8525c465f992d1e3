# A computation in the shell alone: many variables and iterations.
n=300; i=2; while [ $i -le $n ]; do eval s$i=1; i=$((i+1)); done
i=2; while [ $((i*i)) -le $n ]; do eval v=\$s$i; if [ $v = 1 ]; then j=$((i*i)); while [ $j -le $n ]; do eval s$j=0; j=$((j+i)); done; fi; i=$((i+1)); done
i=2; c=0; while [ $i -le $n ]; do eval v=\$s$i; [ $v = 1 ] && { c=$((c+1)); last=$i; }; i=$((i+1)); done; echo $c $last
a=0; b=1; for i in $(seq 1 80); do t=$((a+b)); a=$b; b=$t; done; echo $a
