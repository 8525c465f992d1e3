# case: patterns, alternatives, fall to default, quoting.
t() {
    case $1 in
        '') echo empty;;
        [0-9]) echo digit;;
        [0-9]*) echo number;;
        *.tar.gz|*.tgz) echo archive;;
        a?c) echo a-c;;
        "*") echo star;;
        -*) echo option;;
        *) echo other;;
    esac
}
for w in '' 5 55 x.tgz y.tar.gz abc axc '*' -v hello; do t "$w"; done
case x in y) echo no;; esac; echo $?
v=b; case $v in a) echo a;; $v) echo variable;; esac
case "a b" in "a b") echo spaces;; esac
