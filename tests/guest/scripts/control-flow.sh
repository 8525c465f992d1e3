# Loops, conditions, break and continue, && and ||, negation.
for i in 1 2 3 4 5; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done
for i in a b; do for j in 1 2 3; do [ $j = 2 ] && continue 2; echo $i$j; done; done
for i in 1 2; do for j in 1 2; do break 2; done; done; echo $i$j
n=3; while [ $n -gt 0 ]; do echo $n; n=$((n-1)); done; until [ $n -ge 2 ]; do n=$((n+1)); echo $n; done
if false; then echo no; elif true; then echo elif; else echo no; fi; if ! false; then echo negated; fi
true && echo and || echo or; false && echo and || echo or; false || false || echo third; ! true; echo $?
for i; do echo never; done; set -- p q; for i; do echo $i; done; for i in; do echo never; done; while false; do :; done; echo $?
i=0; while :; do i=$((i+1)); [ $i -gt 500 ] && break; done; echo $i; { false; } || echo group; (true; false) || echo sub; : && echo colon; for x in "a b" c\ d; do echo "$x"; done
