# Producers, consumers, tees and files at once.
mkfifo a b c; (for i in $(seq 200); do echo $i; done > a) & (while read x; do echo $((x*3)); done < a > b) & (awk '{s+=$1} END{print s}' < b > c) & cat c; wait
seq 5000 | tee >(wc -l > w1) 2>/dev/null | tail -1; seq 1000 | tee f1 f2 | (tee f3 | md5sum); cmp f1 f2 && cmp f2 f3 && echo same
for i in 1 2 3 4 5; do (for j in $(seq 100); do printf 'line-%d-%03d\n' $i $j; done) & done | sort | md5sum; wait
(yes a | head -c 100000 & yes b | head -c 100000 & wait) | tr -d '\n' | wc -c
p() { while read l; do echo "$1$l"; done; }; seq 3 | p a | p b | p c | p d
{ { { echo deep; } | cat; } | cat; } | cat; (((echo sub))) ; echo $( (echo a) | (cat; echo b) | tac ); x=$(seq 100000); echo ${#x}; echo "$x" | wc -l; dd if=/dev/zero bs=1k count=100 2>/dev/null | (sleep 0.3; wc -c); (sleep 0.2; echo slow) | (read -t 2 l; echo $l); mkfifo d; exec 4<>d; (for i in 1 2 3 4; do (echo $i > d) & done; wait); for i in 1 2 3 4; do read x <&4; s=$((s+x)); done; echo $s; exec 4>&-
cat /dev/zero | dd bs=1M count=3 iflag=fullblock 2>/dev/null | wc -c; for i in $(seq 30); do echo x | grep -q x && echo -n .; done; echo; seq 100 | xargs -P 10 -n 1 sh -c 'echo $0 >> par'; sort -n par | md5sum; wc -l < par
