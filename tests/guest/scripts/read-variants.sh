# The read builtin: delimiters, counts, time-outs, shared offsets.
printf 'a b c\nd\\\ne\n  lead trail  \nlast' > in; while read x y; do echo "[$x][$y]"; done < in; echo "[$x]"; while read -r x; do echo "<$x>"; done < in; while IFS= read -r x; do echo "{$x}"; done < in
echo abcdef | { read -n 3 a; read b; echo "$a|$b"; }; printf 'x:y:z\n' | { IFS=: read a b; echo "$a|$b"; }; read -t 0.2 x < /dev/null; echo $?; sleep 1 | { read -t 0.3 x; echo "t $?"; }; mkfifo p; { sleep 1 > p & } ; read -t 0.2 x < p; echo "p $?"; wait
printf 'one\0two\0' | { read -d '' a; read -d '' b; echo $a $b; }; printf 'l1\nl2\nl3\n' > l; exec 3< l; read -u 3 a; read -u 3 b; echo $a $b; head -1 <&3; exec 3<&-; { read a; cat; } < l; seq 5 | { head -n 1; head -n 1; }; seq 5 > s; { head -n 2 >/dev/null; cat; } < s; (read a; echo $a; read b; echo $b) < s; { sed 2q; echo --; cat; } < s
cat l | while read x; do cat > /dev/null; echo $x; done; printf 'no newline' | while read x; do echo never; done; printf 'no newline' | { read x; echo "$? $x"; }; printf 'p? ' ; read -p 'prompt ' x < l; echo $x; read x y z <<E
1 2 3 4
E
echo $z
