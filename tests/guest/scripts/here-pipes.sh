# Here-documents into pipelines, loops, functions and programs.
cat <<E | sed 's/a/b/' | tr a-z A-Z
banana $(echo sub)
E
while read a b; do echo "$b-$a"; done <<E | sort
1 x
3 z
2 y
E
cat <<E1 > f1; cat <<E2 > f2; cat f1 f2
one
E1
two
E2
sh <<'E' | cat -n
for i in 1 2; do cat <<I
nested $i
I
done
E
ssh() { cat > remote; sh remote; }; ssh <<'E'
echo "remote $0 $(wc -l < remote)"
E
tar cf - <<E 2>/dev/null; echo $?
E
bc <<E
3*3
E
awk '{print $2}' <<E
a b c
E
read x y <<E
left right side
E
echo "$y"; { read l1; cat; } <<E
first
second
third
E
grep -c . <<E
$(seq 500)
E
ed -s f1 <<E 2>/dev/null || ed f1 <<E
a
added
.
w
q
E
a
added
.
w
q
E
cat f1; (cat; echo after) <<E
sub
E
f() { while read x; do echo "f:$x"; done; }; f <<E
p
q
E
cat <<E | (read a; echo "got $a"; cat)
$(printf 'u\nv\nw')
E
