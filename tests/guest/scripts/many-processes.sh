# Many short processes, one after the other and at once.
i=0; while [ $i -lt 100 ]; do /bin/true; i=$((i+1)); done; echo $i
for i in $(seq 1 30); do (exit $((i%7))) & done; wait; echo waited
for i in $(seq 1 20); do echo $i > f$i & done; wait; cat f* | sort -n | paste -sd, -; ls f* | wc -l
x=$(for i in $(seq 1 40); do sh -c "echo $i" & done; wait); echo "$x" | sort -n | tail -n 1; echo "$x" | wc -l
f() { [ $1 -gt 0 ] && (f $(($1-1))); [ $1 = 0 ] && echo bottom; return 0; }; f 12; seq 1 200 | xargs -n 1 echo | md5sum; seq 1 30 | while read n; do echo $(echo $n | sed 's/^/x/'); done | tail -n 1
