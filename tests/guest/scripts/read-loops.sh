# read: fields, raw mode, files without a last line end, several descriptors.
printf 'a b c\nd e\n\n  f  \n' | while read x y; do echo "[$x][$y]"; done
printf 'back\\slash\\\nline\n' | while read x; do echo "[$x]"; done
printf 'back\\slash\\\nline\n' | while read -r x; do echo "[$x]"; done
printf 'last without end' | { while read x; do echo "$x"; done; echo "rest [$x]"; }
printf 'x:y:z\n' | { IFS=: read a b; echo "$a $b"; }
printf '1\n2\n3\n' > n; while read -r a; do read -r b <&3; echo "$a$b"; done < n 3< n
n=0; while read l; do n=$((n+1)); done < n; echo $n
read x < /dev/null; echo $?
echo "  keep  " | { IFS= read -r l; echo "[$l]"; }
