# Small text filters.
printf 'a:b:c\nd:e:f\n' > f; cut -d: -f2 f; cut -d: -f1,3 f; cut -c1-3 f; cut -d: -f2- f; echo nodelim | cut -d: -f2; echo nodelim | cut -s -d: -f2
printf '1\n2\n' > g; paste f g; paste -d, f g; paste -s g
echo Hello World | tr a-z A-Z; echo hello | tr -d l; echo aabbcc | tr -s abc; echo 'a1b2' | tr -cd 0-9; echo; echo abc | tr a-c x-z
echo 'one  two' | tr -s ' ' '\n'; rev f; fold -w 2 f | head -n 3; nl f; expand -t 4 <<END
a	b
END
printf 'a\tb\n' | cat -A; tac f; split -l 1 f part.; cat part.ab; shuf -i 1-1; printf 'x\n\n\ny\n' | cat -s; strings f; printf 'a\0b' | tr '\0' n; echo
