# gzip, gunzip, zcat, bzip2: round trips of several sizes.
for n in 0 1 100 65536 300000; do
    seq 1 100000 | head -c $n > f; cp f g
    gzip f; ls; gunzip f.gz; cmp f g && echo "same $n"; rm f g
done
seq 1 5000 | gzip | gunzip | md5sum; seq 1 5000 | gzip -9 | zcat | tail -n 1
seq 1 3000 > h; gzip -c h > h.gz; cmp h h.gz > /dev/null || echo differs; gzip -t h.gz && echo ok
echo text > i; gzip -k i 2>/dev/null; ls i*; echo broken > j.gz; gunzip j.gz 2>/dev/null; echo $?
seq 1 2000 | bzip2 | bunzip2 | md5sum; seq 1 200 | gzip | wc -l | grep -c '^[0-9]'
