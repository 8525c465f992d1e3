# File name patterns.
touch a.c b.c ab.c abc.h '.hidden' 'with space' '[x]' d
mkdir sub; touch sub/one sub/two
echo *.c; echo ?.c; echo [ab]*.c; echo [!a]*.c; echo .h*; echo *
echo */*; echo s*/o*; echo nothing*; echo 'a*'; echo "*"; echo \*.c
for f in *.c; do echo "<$f>"; done
set -- w*; echo $#; echo "$1"
echo [[]x]; v='*.h'; echo $v "$v"
set -f; echo *.c; set +f
case abc in a*c) echo match;; esac
rm -f *.c; echo *
