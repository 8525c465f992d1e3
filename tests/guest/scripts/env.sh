# The environment of commands.
A=1 env | grep '^A='; export B=2; env | grep '^B='; env -i X=y sh -c 'echo $X; echo ${B-no B}'; env -u B sh -c 'echo ${B-gone}'; C=local; sh -c 'echo ${C-not exported}'; export C; sh -c 'echo $C'
unset C; sh -c 'echo ${C-unset}'; D=5 sh -c 'echo $D'; echo ${D-not kept}; printenv B; printenv NOPE; echo $?; env A=1 B=3 sh -c 'echo $A$B'; export E='a b  c'; sh -c 'echo "$E"'; readonly R=1; (R=2) 2>/dev/null; echo $?
export -p | grep -c B; set | grep '^E='; env nosuchprogram 2>/dev/null; echo $?; env false; echo $?; env sh -c 'exit 9'; echo $?; PATH=/nonexistent; /bin/true 2>/dev/null; nothing 2>/dev/null; echo $?
