# sort: keys, numbers, reverse, unique, stable, large.
printf 'pear 3\napple 10\nfig 2\napple 1\n' > f
sort f; sort -r f; sort -k2 f; sort -k2n f; sort -k1,1 -k2nr f; sort -u -k1,1 f | cut -d' ' -f1
printf '10\n9\n2\n-1\n1.5\n' | sort -n; printf '10\n9\n2\n' | sort -rn
printf 'b:2\na:1\nc:0\n' | sort -t: -k2
printf 'B\na\nC\nb\n' | sort -f
sort -c f 2>/dev/null; echo $?; sort f | sort -c; echo $?
seq 20000 -1 1 | sort -n | head -n 3; seq 20000 -1 1 | sort -n | md5sum
seq 1 3000 | awk '{print ($1*7919)%3001}' | sort -n | sed -n '1p;1500p;$p'
