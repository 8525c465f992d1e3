# Descriptors on their way through functions, loops and children.
exec 5>f5 6>f6; sh -c 'echo five >&5; echo six >&6'; sh -c 'exec 5>&-; sh -c "echo x >&5" 2>/dev/null; echo $?'; exec 5>&- 6>&-; cat f5 f6; f() { echo "in f" >&7; } 7>f7; f; cat f7; { echo a >&8; } 8>f8; cat f8; while read l <&9; do echo "<$l>"; done 9<<E
x
y
E
(echo sub >&4) 4>f4; cat f4; for i in 1 2; do echo $i >&3; done 3>f3; cat f3; exec 3<f3; read a <&3; sh -c 'read b <&3; echo $b'; exec 3<&-; find . -name f3 -exec sh -c 'echo $0 >&2' {} \; 2>&1; xargs -n1 sh -c 'cat; echo $0' < f3; echo in | xargs cat 2>/dev/null; seq 3 | while read x; do sh -c 'read y; echo "$0:$y"' $x; done; seq 3 | while read x; do sh -c 'echo $0' $x < /dev/null; done; awk 'BEGIN{while((getline l < "/dev/stdin")>0) print "a" l}' < f3; echo hi | sh -c 'cat | cat | cat'; (cat <&3) 3<f3; cat 0<f3; cat < f3 > g; cat g; : 3>&1; exec 3>&1 4>&2 1>o 2>e; echo out; echo err >&2; exec 1>&3 2>&4 3>&- 4>&-; cat o e
