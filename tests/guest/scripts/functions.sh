# Functions: arguments, locals, recursion, return, redirection of a body.
f() { echo "f $# $1"; return 3; }
f a b; echo $?
fact() { if [ $1 -le 1 ]; then echo 1; else echo $(( $1 * $(fact $(($1-1))) )); fi; }
fact 10
g() { local v=inner; v2=changed; echo $v; }
v=outer; v2=before; g; echo $v $v2
h() { echo out; echo err >&2; } 2>/dev/null
h
fib() { [ $1 -lt 2 ] && { echo $1; return; }; echo $(( $(fib $(($1-1))) + $(fib $(($1-2))) )); }
fib 9
outer() { inner() { echo defined inside; }; }
outer; inner
k() (cd /; exit 5); k; echo $?
unset -f f; f 2>/dev/null; echo $?
type g | head -n 1
