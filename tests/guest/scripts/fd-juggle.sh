# Descriptors opened, copied, swapped and closed; /dev/fd and /proc/N/fd.
exec 3>a 4>b 5>&3 3>&4 4>&5; echo x >&3; echo y >&4; echo z >&5; exec 3>&- 4>&- 5>&-; cat a; echo -; cat b
exec 9<>rw; echo 1234567890 >&9; exec 9<>rw; head -c 3 <&9; echo ABC >&9; cat rw; read x <&9; echo "[$x]"; exec 9>&-
echo a > app; exec 3>>app; exec 4>>app; echo 3 >&3; echo 4 >&4; echo 3b >&3; cat app; exec 3<app; { read x; read y; } <&3; echo $x $y; cat <&3; cat <&3; exec 3<&- 4>&-
exec 3<&7; echo $?
echo after
(exec 3<&7); echo $?; (exec 7<nothere); echo $?; : <nothere; echo $?; { :; } 2>/dev/null <nothere || echo no; command exec 8<nothere; echo $?
echo a 8>&1 >&8; echo b 1>&2 2>&1; (echo c >&2) 2>&1 | tr c d; { echo o; echo e >&2; } 2>&1 >/dev/null | tr e f; ls nothere f 2>&1 >&- | cat; cat 0<&-; echo $?; : >&-; echo x 1>&-; echo $?
for i in 3 4 5 6 7 8 9; do eval "exec $i>file$i"; done; ls /proc/$$/fd | tr '\n' ' '; echo; ls -l /proc/$$/fd | sed 's/.* -> //' | sed "s,$PWD/,," | grep file; for i in 3 4 5 6 7 8 9; do eval "exec $i>&-"; done; ls /proc/$$/fd | tr '\n' ' '; echo
cat <<A 3<<B <&3
first
A
second
B
cat /dev/fd/3 3<<X
dev fd
X
cat /dev/stdin <<X
via stdin
X
echo out > /dev/stdout; echo err > /dev/stderr; echo x | cat /dev/stdin - /dev/null; echo 5 | { read v < /dev/fd/0; echo got $v; }
