# Hundreds of background jobs, and statuses of forty of them.
i=0; while [ $i -lt 200 ]; do (echo $i > out.$i) & i=$((i+1)); done; wait; ls out.* | wc -l; cat out.* | sort -n | md5sum
f() { [ $1 -gt 0 ] && { (f $(($1-1))) ; } || echo bottom; }; f 60
i=0; while [ $i -lt 40 ]; do sh -c "exit $i" & eval "p$i=\$!"; i=$((i+1)); done; i=0; s=0; while [ $i -lt 40 ]; do eval "wait \$p$i"; s=$((s+$?)); i=$((i+1)); done; echo $s
echo $(for i in 1 2 3 4 5 6 7 8; do echo $(for j in 1 2 3 4; do echo $((i*j)); done); done)
