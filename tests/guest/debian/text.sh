[ -n "$BASH_VERSION" ] || exec bash "$0"  # not the busybox that would answer to all of these names
printf 'foo\nbar\nbaz42\n' > g
grep -nE 'o{2}' g; grep -P '\d+' g; grep -o '[a-z]*' g; grep -rc ba .; sed -n '2,$p;s/b/B/gp' g; sed -i s/foo/FOO/ g; cat g
gawk 'BEGIN {printf "%d %.3f\n", 42, 22/7; "echo sub" | getline v; print v; print gensub(/l+/, "L", "g", "hello"); system("echo sys"); exit 3}'; echo $?
seq 10 | gawk '{s += $1} END {print s, sqrt(s)}'
printf 'a\nb\nc\n' > 1; printf 'a\nX\nc\nd\n' > 2; diff 1 2; diff -u 1 2 | tail -n +3 > p; cat p; cp 1 3; patch -s 3 < p; cmp 2 3 && echo patched
printf 'one\ntwo\n' > v; vim.tiny -es -u NONE -c '%s/o/0/g' -c wq v; cat v; seq 5 | less
echo 'scale=20; 1/3; sqrt(2); 2^100' | bc; echo '4*a(1)' | bc -l
echo '{"a":[1,2,{"b":"x"}],"c":null}' | jq -c '.a[2].b, keys, (.a[:2]|add)'; echo '{' | jq .; echo $?
lua5.4 -e 'print(_VERSION, 10//3, 2^53, #"abc"); local t = {5,2,8}; table.sort(t); print(table.concat(t, ",")); print(io.popen("echo pop"):read("a"), pcall(error, "e"))'
sqlite3 db "create table t(a integer primary key, b); insert into t values(1,'x'),(2,'y'); select * from t; pragma integrity_check; with recursive r(n) as (select 1 union all select n+1 from r where n<1000) select sum(n) from r;"
file -b g /dev/null . /bin/bash | sed 's/BuildID.*//'
