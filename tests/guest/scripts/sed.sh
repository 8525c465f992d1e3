# sed: addresses, substitution, hold space, branches, in-place.
printf 'one\ntwo\nthree\nfour\n' > f
sed 's/o/0/' f; sed 's/o/0/g;s/e$/E/' f; sed -n '2p;$p' f; sed '2,3d' f; sed '/t/!d' f
sed -n '/two/,/four/p' f; sed '2q' f; sed '$!N;s/\n/+/' f
sed 's/\(.\)\(.*\)/\2\1/' f; sed -E 's/(t)(.)/<\1|\2>/' f; sed 's/[aeiou]/<&>/g' f
sed '2i\before' f; sed '2a\after' f; sed '2c\changed' f; sed 'y/abc/ABC/;=' f
sed -n '1!G;h;$p' f
sed ':a;s/^\(.\{1,9\}\)$/ \1/;ta' f
sed -i 's/two/TWO/' f; cat f
echo 'a/b/c' | sed 's|/|,|2'; echo abc | sed 's/b/\n/'; echo hello | sed 's/l/L/2'
echo x | sed -e 's/x/y/' -e 's/y/z/'; echo AbC | sed 's/.*/\L&/' ; sed -n '$=' f
