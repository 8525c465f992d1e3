# What happens to programs that reach a limit: file size, CPU time, memory, arguments.
(ulimit -f 1; dd if=/dev/zero of=f bs=1024 count=10; echo $?); stat -c %s f
(trap '' XFSZ; ulimit -f 1; dd if=/dev/zero of=g bs=300 count=10 2>&1; echo $?); stat -c %s g
sh -c 'trap "echo caught" XFSZ; ulimit -f 1; echo x > h; cat f f f > i; echo $?; cp f same; echo $?'; stat -c '%n %s' h i same
sh -c 'ulimit -f 4; truncate -s 10000 j; echo no'; echo $?; sh -c 'ulimit -f 0; echo x > m; echo no'; echo $?; stat -c %s m
sh -c 'ulimit -f 1; head -c 5000 /dev/zero | cat | wc -c; head -c 5000 /dev/zero > /dev/null; echo $?'
sh -c 'ulimit -t 1; while :; do :; done'; echo $?
sh -c 'ulimit -S -t 1; trap "echo warned; exit 3" XCPU; while :; do :; done'; echo $?
(ulimit -v 20000; dd if=/dev/zero of=/dev/null bs=50M count=1; echo $?)
(ulimit -d 5000; dd if=/dev/zero of=/dev/null bs=50M count=1; echo $?)
(ulimit -v 100000; seq 1 10 | sort -rn | head -n 2; ulimit -v; sh -c 'ulimit -v')
(ulimit -s 128; sh -c 'echo $#' x $(seq 1 30000); echo $?) 2>&1
