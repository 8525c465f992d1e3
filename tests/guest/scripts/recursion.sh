# A walk over a tree, written in the shell.
mkdir -p t/one/deep t/two t/empty; echo 12345 > t/one/a; echo 1 > t/one/deep/b; echo 22 > t/two/c; ln -s ../one t/two/link
walk() { local e; for e in "$1"/*; do if [ -L "$e" ]; then echo "$2$(basename "$e") -> $(readlink "$e")"; elif [ -d "$e" ]; then echo "$2$(basename "$e")/"; walk "$e" "$2  "; elif [ -f "$e" ]; then echo "$2$(basename "$e") $(wc -c < "$e")"; fi; done; }
walk t ""; total() { local s=0 f; for f in $(find "$1" -type f); do s=$((s+$(wc -c < $f))); done; echo $s; }; total t
hanoi() { [ $1 -eq 0 ] && return; hanoi $(($1-1)) $2 $4 $3; m=$((m+1)); hanoi $(($1-1)) $4 $3 $2; }; m=0; hanoi 6 a b c; echo $m; gcd() { [ $2 -eq 0 ] && echo $1 || gcd $2 $(($1%$2)); }; gcd 1071 462; depth() { [ $1 -eq 0 ] && { echo reached; return; }; depth $(($1-1)); }; depth 200; ack() { if [ $1 -eq 0 ]; then r=$(($2+1)); elif [ $2 -eq 0 ]; then ack $(($1-1)) 1; else ack $1 $(($2-1)); ack $(($1-1)) $r; fi; }; ack 2 3; echo $r
