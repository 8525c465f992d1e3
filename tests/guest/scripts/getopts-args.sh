# Arguments: getopts, getopt, shift, set --, quoting.
p() { OPTIND=1; while getopts ':ab:c' o "$@"; do case $o in a) echo -n 'a ';; b) echo -n "b=$OPTARG ";; c) echo -n 'c ';; \?) echo -n "bad=$OPTARG ";; :) echo -n "missing=$OPTARG ";; esac; done; shift $((OPTIND-1)); echo "rest:$#:$*"; }; p -a -b x y; p -abx -c; p -bc; p -b; p -z -a; p -- -a; p; p -a -- -b; p x -a; set -- -a 'x y' ''; p "$@"; echo "$#"; for i; do echo "[$i]"; done; echo ${10-none} ${1+set}; f() { echo $# "$*" "$@"; }; f; f ''; f 'a b' c; IFS=-; f 1 2 3; unset IFS; set -- a b c; echo "$*" $@; shift 2; echo $1; shift 5 2>/dev/null; echo $?; eval set -- "$(getopt -o ab: -l alpha,beta: -- --alpha --beta=v -b w rest 'q r')"; for i; do echo "<$i>"; done; sh -c 'echo $# $0 $1 ${2:-no}' name one; sh -s x y <<'E'
echo $# $2
E
set -- $(seq 1000); echo $# ${1000} ${999}; shift 990; echo $*
