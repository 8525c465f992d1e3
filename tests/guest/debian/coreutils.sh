[ -n "$BASH_VERSION" ] || exec bash "$0"  # not the busybox that would answer to all of these names
seq 20 | tac | sort -n | uniq -c | tail -n 2
printf 'a b\nc d\n' | cut -d' ' -f2 | tr a-z A-Z | nl
echo hi > f; ln f h; ln -s f s; mkfifo p; mkdir d; chmod 4750 f; touch -d '2020-02-03 04:05:06 UTC' f
stat -c '%A %h %s %F %N' f s p
TZ=UTC stat -c %y f
md5sum f; sha1sum f; sha256sum f; b2sum f; cksum f; base64 f; od -c f
seq 20000 | sort -r | md5sum; seq 5000 | shuf --random-source=/dev/zero | sort -n | md5sum
dd if=/dev/zero of=z bs=1k count=100 status=none; cp --sparse=always z x; split -b 30k z part; wc -c part*
truncate -s 1M t; du --apparent-size -k t; cp -a z y; cmp z y; mv y w; install -m 700 w u; stat -c '%a %s' u
env -i A=1 env; date -u -d @86400 +%FT%T; factor 123456789012; expr 3 + 4; numfmt --to=iec 123456789
timeout 0.2 sleep 5; echo $?; nice -n 5 nice; id -u; whoami; test -p p && echo pipe; realpath s; fold -w 3 f
find . -type f -size -2k -printf '%p %m %n\n' | sort; find . -name 'part*' -delete; printf 'a\0b\0' | xargs -0 -I{} echo '[{}]'
ls -d nope; cat nope; rmdir nope; rmdir .; mkdir d; rm d; rmdir d; chown nobody nope; ln f h
