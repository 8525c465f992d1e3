# Here-documents in all the places a shell allows.
x=5; cat <<E; cat <<'E'; cat <<"E"; cat <<-E
$x \$x `echo sub` $(echo $((x+1))) \\ "q" 'q'
E
$x `no`
E
$y
E
	tabbed $x
	E
cat <<A; echo between; cat <<B
a
A
b
B
while read l; do echo "> $l"; done <<E
1
2
$(seq 3 4)
E
f() { cat; } ; f <<E | tr a-z A-Z
func
E
cat <<E > out && cat out
big $(seq 1 20000 | wc -c)
E
big=$(seq 1 30000); cat <<E | md5sum
$big
E
cat <<E | cat <<F
lost
E
kept
F
sh <<'E'
echo script $0 $#
read line
this is data
echo "[$line]"
exit 3
E
echo $?; cat << E1 - << E2
1
E1
2
E2
if :; then cat <<X; fi
in if
X
case a in a) cat <<X;; esac
in case
X
eval 'cat <<X
in eval
X'; x=$(cat <<X
in "sub" ) paren
X
); echo "$x"; cat <<E
${x:+set} ${u:-unset} ${#x} ${x%%\"*}
E
ls -l /proc/self/fd/0 <<E | sed 's/.*-> //' | cut -c1-4
x
E
