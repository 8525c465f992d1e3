# Pipelines of sixty programs, and megabytes through them.
p='cat'; i=0; while [ $i -lt 60 ]; do p="$p | cat"; i=$((i+1)); done; seq 1 5000 | eval "$p" | md5sum
i=0; c='echo start'; while [ $i -lt 30 ]; do c="$c | sed 's/\$/ $i/'"; i=$((i+1)); done; eval "$c"
dd if=/dev/zero bs=64k count=64 2>/dev/null | cat | cat | cat | gzip | cat | zcat | wc -c
seq 1 300000 | sort -rn | sort -n | tail -n 2 | rev; yes 0123456789 | head -c 3000000 | tr 0 a | cksum 2>/dev/null || yes 0123456789 | head -c 3000000 | tr 0 a | md5sum
seq 1 2000 | while read x; do echo $((x*x)); done | awk '{s+=$1} END{print s}'
seq 200 | xargs -n 1 -P 8 sh -c 'echo $((${0}*2))' | sort -n | md5sum; seq 50 | xargs -P 0 -I{} sh -c 'sleep 0.0{}; echo {}' | wc -l
