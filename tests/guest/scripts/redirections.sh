# Every redirection of the shell.
echo first > f; echo second >> f; cat f
cat < f > g; cmp f g && echo same
ls /nonexistent 2> err; echo $?; wc -l < err
ls /nonexistent > both 2>&1; wc -l < both
exec 3> three; echo to three >&3; exec 3>&-; cat three
exec 4< f; read a <&4; read b <&4; echo "$b $a"; exec 4<&-
{ echo out; echo err >&2; } 2>/dev/null
{ echo out; echo err >&2; } 2>&1 >/dev/null
echo text | tee a b > c; cat a b c
: > empty; wc -c < empty
set -C; echo no > f; echo "clobber $?"; echo yes >| f; cat f
(echo into >&5) 5> five; cat five
echo lost >&9; echo "bad fd $?"
