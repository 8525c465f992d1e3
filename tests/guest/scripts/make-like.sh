# A small make: times of files decide what is done.
cat > build.sh <<'E'
newer() { for d in $2; do [ "$1" -nt "$d" ] || return 1; done; }
rule() { t=$1; deps=$2; shift 2; newer $t "$deps" && { echo "$t up to date"; return; }; echo "build $t: $*"; eval "$@"; }
rule a.o "a.c" "cp a.c a.o"
rule b.o "b.c a.o" "cat b.c a.o > b.o"
rule prog "a.o b.o" "cat a.o b.o > prog"
E
echo a > a.c; echo b > b.c; touch -d '2020-01-01 00:00:01' a.c b.c; sh build.sh; sh build.sh; touch -d '2020-01-01 00:00:02' prog; sh build.sh; cat prog; touch -d '2021-01-01 00:00:00' a.o; touch -d '2021-01-01 00:00:01' b.o; touch -d '2021-01-01 00:00:02' prog; sh build.sh; touch -d '2022-01-01 00:00:00' b.c; sh build.sh; touch -d @1.5 frac 2>/dev/null; touch -d @2 whole; stat -c %Y whole; [ whole -nt a.c ] || echo older; : > now; cp -p now copy; [ copy -nt now ] || echo "not newer"; [ copy -ot now ] || echo "not older"
