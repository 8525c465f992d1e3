# read with -t, -n, -p, -s; pipes that are slow.
(sleep 0.2; echo late) | { read -t 5 x; echo "$? $x"; }; sleep 3 | { read -t 0.1 x; [ $? -gt 0 ] && echo "timed out [$x]"; }
echo abcdef | { read -n 3 x; echo "$x"; read y; echo "$y"; }; printf 'one\0two' | { read -d '' x 2>/dev/null; echo "$x"; } ; (echo a; sleep 0.2; echo b; sleep 0.2; echo c) | while read l; do echo "got $l"; done; printf 'k=v\n' | { IFS== read k v; echo "$k is $v"; }; echo 'a,b,,d' | { IFS=, read a b c d; echo "$a|$b|$c|$d"; }; (sleep 0.1; echo x; sleep 0.1; printf y) | cat
