# diff, cmp, comm, patch.
printf 'a\nb\nc\nd\n' > x; printf 'a\nB\nc\ne\nf\n' > y
diff x x; echo $?; diff x y | grep -v '^[-+][-+][-+]'; echo; diff -u x y > p; tail -n +3 p; diff -q x y; diff -b x y > /dev/null; echo $?
cp x z; patch z < p > /dev/null; cmp z y && echo patched; cmp x y; cmp -s x y; echo $?
sort x > sx; sort y > sy; comm sx sy; comm -12 sx sy; comm -3 sx sy
mkdir d1 d2; cp x d1/f; cp y d2/f; touch d1/only; diff -r d1 d2 | grep -c .; diff x nofile 2>/dev/null; echo $?
