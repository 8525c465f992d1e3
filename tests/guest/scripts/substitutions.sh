# Command substitution and parameter expansion.
a=$(echo one; echo two); echo "$a"; echo $a
echo "$(echo "$(echo "$(echo deep)")")"
echo `echo back`
v=path/to/file.tar.gz
echo ${v##*/} ${v%/*} ${v%.*} ${v%%.*} ${v#*/} ${#v}
unset u; echo ${u:-default} ${u:=assigned} $u ${v:+set} ${w:+unset}.
echo "${v/to/TO}" "${v//a/A}"
x=abcdefghij; echo ${x:2:3} ${x:7} ${x: -2}
e=; echo "[${e-kept}]" "[${e:-empty}]"
(echo ${missing?not there}) 2>/dev/null; echo $?
set -- a 'b c' d; echo $#; for i in "$@"; do echo "<$i>"; done; echo "$*"
IFS=:; echo "$*"; set -- $(echo x:y:z); echo $2
n=$(false); echo $?
s=$(printf 'trailing\n\n\n'); echo "[$s]"
