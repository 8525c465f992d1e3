# od, hexdump, xxd.
printf 'Hello\n\0\1\377' > f; od -c f; od -x f; od -An -t x1 f; od -t d1 f; hexdump -C f; hexdump f; xxd f; xxd -p f; printf '48656c6c6f' | xxd -r -p; echo
head -c 64 /dev/zero | od -c; head -c 64 /dev/zero | hexdump -C; od -A d -t x4 -j 2 -N 4 f; printf abc | base64; printf YWJj | base64 -d; echo; seq 1 100 | base64 | md5sum; seq 1 50 | uuencode x | md5sum
