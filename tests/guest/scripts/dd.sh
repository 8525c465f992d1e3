# dd: blocks, skip, seek, conversions.
seq 1 1000 > f; dd if=f bs=100 count=2 2>/dev/null | md5sum; dd if=f bs=1 skip=10 count=5 2>/dev/null; echo
dd if=/dev/zero of=z bs=1k count=8 2>/dev/null; wc -c < z; printf XYZ | dd of=z bs=1 seek=100 conv=notrunc 2>/dev/null; dd if=z bs=1 skip=99 count=5 2>/dev/null | od -c
echo hello | dd conv=ucase 2>/dev/null || true; dd if=f of=g bs=7 2>/dev/null; cmp f g && echo same; dd if=f bs=1000 count=1 2>&1 >/dev/null | head -n 2
dd if=/dev/zero of=hole bs=1 count=1 seek=1000000 2>/dev/null; wc -c < hole; md5sum < hole; dd if=nofile 2>/dev/null; echo $?
dd if=/dev/null of=n 2>/dev/null; wc -c < n; seq 1 100 | dd bs=10 count=3 2>/dev/null | wc -c | awk '{print ($1>0)}'
