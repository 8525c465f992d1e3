# set -e, set -u, set -x, set -o pipefail.
sh -c 'set -e; echo a; false; echo no'; echo $?; sh -c 'set -e; false || echo guarded; if false; then :; fi; ! true; echo still'; echo $?
sh -c 'set -u; echo ${x-ok}; echo $x; echo no' 2>/dev/null; echo $?; sh -c 'set -x; a=1; echo $a' 2>&1; sh -c 'set -o pipefail; false | true; echo $?'; sh -c 'set -e; f() { false; echo in f; }; f || echo caught'; sh -e -c 'x=$(false); echo no'; echo $?
sh -c 'set -n; echo never'; echo $?; sh -c 'exit'; echo $?; sh -c 'false; exit'; echo $?; sh -c 'exit 256'; echo $?; sh -c 'if then' 2>/dev/null; echo $?; sh -c 'nosuch' 2>/dev/null; echo $?; sh -c /etc/passwd 2>/dev/null; echo $?; sh -c '/etc' 2>/dev/null; echo $?
