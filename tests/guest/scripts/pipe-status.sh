# Exit statuses of pipelines, and writers whose reader has gone.
true | false; echo $?; false | true; echo $?; (exit 3) | (exit 4); echo $?; ! true; echo $?; ! false | false; echo $?
set -o pipefail; false | true; echo $?; (exit 3) | (exit 4) | true; echo $?; yes | head -1; echo $?; set +o pipefail
yes | head -n 3; yes abc | sed 3q; seq 1000000 | head -1; seq 100000 | tail -1; cat /dev/zero | head -c 10 | od -c; seq 10 | (read a; read b; cat >/dev/null; echo $a $b)
(trap '' PIPE; seq 1 100000; echo "st $?" >&2) 2>e | head -1; sleep 0.2; cat e
sh -c 'yes; echo $? >&2' 2>&1 >/dev/full | head -2
(while :; do echo x; done; echo never >&2) | head -2
sh -c 'trap "echo pipe >&2; exit 9" PIPE; while echo x; do :; done' 2>e2 | head -1; sleep 0.3; cat e2
mkfifo p; (sleep 0.1; echo via) > p & cat p; wait; (echo 1; sleep 0.2; echo 2) | (read a; echo "$a at once"; read b; echo $b)
x=$(echo a; exit 5); echo $? $x; x=$(kill -9 $(sh -c 'echo $PPID')); echo $?; sh -c 'kill -TERM $$'; echo $?; sh -c 'kill -SEGV $$' ; echo $?; sh -c 'kill -PIPE $$'; echo $?; (sh -c 'kill -ABRT $$'; echo $?) 2>&1
