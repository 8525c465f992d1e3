# expr, bc-less arithmetic, dc, factor.
expr 1 + 2; expr 7 \* 6; expr 10 / 3; expr 10 % 3; expr 5 \> 3; expr abc \< abd; expr length hello; expr substr hello 2 3; expr index hello l; expr hello : 'h\(.*\)o'; expr abc : 'a.'; expr 1 - 1; echo $?
expr '' ; echo $?; expr 1 + a 2>/dev/null; echo $?; echo '2 3 + p' | dc; echo '10 k 2 v p' | dc 2>/dev/null; factor 12 97 1001 2>/dev/null; echo '2^20; 5/2; scale=3; 5/2' | bc 2>/dev/null
