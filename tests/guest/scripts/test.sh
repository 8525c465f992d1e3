# test and [.
t() { if test "$@"; then echo "yes: $*"; else echo "no:  $*"; fi; }
mkdir d; echo x > f; : > e; ln -s f l; ln -s nowhere broken; chmod 600 f; mkfifo p
for o in -e -f -d -s -L -h -p -r -w -x -b -c -S -g -u -k; do for f in f d e l broken p none; do t $o $f; done; done
t 1 -eq 1; t 1 -lt 2; t 3 -le 2; t 1 -ne 1; t -5 -gt -6; t 10 -ge 9
t abc = abc; t abc != abd; t -z ''; t -n ''; t x; t ''; t abc \< abd
t ! -e none; t -e f -a -d d; t -e none -o -d d; t \( -e f \)
[ 1 = 1 ] && echo bracket; [ f -ef l ] && echo same file; sleep 1.1; touch new; [ new -nt f ] && echo newer; [ f -ot new ] && echo older
[ a -eq 1 ] 2>/dev/null; echo $?; t -t 0; t -c /dev/null; t -c /dev/zero; [[ abc == a* ]] && echo pattern
