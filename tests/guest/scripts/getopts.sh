# getopts and shift.
parse() {
    OPTIND=1
    while getopts ab:c: o; do
        case $o in a) echo "a";; b) echo "b=$OPTARG";; c) echo "c=$OPTARG";; ?) echo "bad";; esac
    done 2>/dev/null
    shift $((OPTIND-1)); echo "rest: $*"
}
parse -a -b x y z
parse -ab x -c 'y z' w
parse -bvalue -- -a
parse -q 1
parse
set -- 1 2 3 4; shift 2; echo $*; shift 5 2>/dev/null || echo "cannot shift"
