# Holes, offsets beyond 4 GiB, truncate.
truncate -s 5G big; ls -l big | awk '{print $5}'; du big | cut -f1; dd if=/dev/zero of=sp bs=1 count=1 seek=3000000000 2>/dev/null; stat -c %s sp; printf END | dd of=sp bs=1 seek=4294967296 conv=notrunc 2>/dev/null; stat -c %s sp; tail -c 3 sp; echo; dd if=sp bs=1 skip=4294967296 count=2 2>/dev/null; echo; du -k sp | awk '{print ($1<100)}'
truncate -s 10 sp; stat -c '%s' sp; truncate -s +5 sp; stat -c %s sp; truncate -s 1M t; truncate -s -1K t 2>&1; stat -c %s t; truncate -s %4 t 2>&1 | head -1; truncate -c -s 3 nothere; ls nothere; truncate -s 0 t; stat -c '%s %b' t
echo data > h; dd if=h of=h2 bs=1k seek=100 2>/dev/null; md5sum h2; od -c h2 | tail -2; cp h2 h3; cmp h2 h3 && echo same; gzip -c h2 | wc -c | awk '{print $1<400}'; tar cf - h2 | wc -c
dd if=/dev/zero of=tr bs=1000 count=5 2>/dev/null; dd if=/dev/null of=tr bs=1000 seek=2 2>/dev/null; stat -c %s tr; dd if=/dev/zero of=tr bs=1 seek=100 count=0 2>/dev/null; stat -c %s tr
