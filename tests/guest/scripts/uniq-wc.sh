# uniq, wc, and counting words the classic way.
printf 'a\na\nb\na\nc\nc\nc\n' > f; uniq f; uniq -c f; uniq -d f; uniq -u f; sort f | uniq -c | sort -rn; printf 'A\na\n' | uniq -i; printf 'x 1\ny 1\n' | uniq -f 1
wc f; wc -l f; wc -w < f; wc -c f; wc f f; printf 'no end' | wc; printf '' | wc; printf 'one two\tthree\n' | wc -w; wc -L f
echo 'the cat the dog the end a cat' | tr ' ' '\n' | sort | uniq -c | sort -k1,1nr -k2 | awk '{print $2, $1}'; seq 1 100000 | wc
