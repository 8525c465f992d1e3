# cpio and ar round trips.
mkdir d; echo a > d/a; echo b > d/b; (find d | sort) | cpio -o -H newc 2>/dev/null > c; cpio -t < c 2>/dev/null; mkdir x; (cd x; cpio -id < ../c 2>/dev/null); cat x/d/a x/d/b; cmp d/b x/d/b && echo same; seq 1 2000 > s; xz -h > /dev/null 2>&1; unzip -h > /dev/null 2>&1; lzop -h > /dev/null 2>&1; ar -h > /dev/null 2>&1; echo end
