# Concurrent transfers under a lock folder; money must be conserved.
mkdir acc; for i in 1 2 3 4; do echo 100 > acc/$i; done; : > log
lock() { until mkdir lk 2>/dev/null; do sleep 0.01; done; }; unlock() { rmdir lk; }
move() { lock; a=$(cat acc/$1); b=$(cat acc/$2); [ $a -ge $3 ] && { echo $((a-$3)) > acc/$1; echo $((b+$3)) > acc/$2; echo "$1 $2 $3" >> log; }; unlock; }
for w in 1 2 3 4; do (i=0; while [ $i -lt 12 ]; do f=$(( (w+i)%4+1 )); t=$(( (w+i*3+1)%4+1 )); [ $f != $t ] && move $f $t $(( (i*7+w)%20+1 )); i=$((i+1)); done) & done; wait
cat acc/* | awk '{s+=$1} END{print s}'; [ -d lk ] && echo stale; awk '{d[$1]-=$3; d[$2]+=$3} END{for(i=1;i<=4;i++) print 100+d[i]}' log > want; cat acc/1 acc/2 acc/3 acc/4 | diff - want && echo consistent
