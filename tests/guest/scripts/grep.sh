# grep: expressions, context, counts, statuses, recursion.
printf 'alpha\nbeta\nGamma\ndelta 42\n\nalphabet\n' > f
grep a f; grep -c a f; grep -n t f; grep -v a f; grep -i gamma f; grep -w alpha f; grep -x alpha f
grep -E '^(a|b)' f; grep -E '[0-9]+' f; grep -F . f; echo $?; grep -o 'l.' f; grep '^$' f | wc -l
grep -q alpha f; echo $?; grep -q nothing f; echo $?; grep x nofile 2>/dev/null; echo $?
grep -A1 beta f; grep -B1 delta f; grep -C1 Gamma f; grep -e alpha -e beta f
mkdir d; cp f d/g; grep -r beta . | sort; grep -l alpha f d/g; grep -L nothing f; grep -H beta f; grep -h beta f d/g
printf 'beta\ndelta\n' > p; grep -f p f; grep -m1 alpha f; echo 'a.b' | grep 'a\.b'
egrep 'l{1}p' f; fgrep 42 f; grep '[[:upper:]]' f; grep -c '' f
