[ -n "$BASH_VERSION" ] || exec bash "$0"  # not the busybox that would answer to all of these names
mkdir -p t/d; echo x > t/f; ln t/f t/h; ln -s f t/l; chmod 2755 t/d; seq 20000 > t/n
tar cf t.tar t; tar tf t.tar | sort; rm -r t; tar xf t.tar; find t -type d -printf '%p %m\n' | sort; cat t/h t/l; readlink t/l
for z in gzip bzip2 'xz -T1'; do $z -c t/n | wc -c; $z -c t/n | ${z%% *} -dc | md5sum; done
tar czf t.tgz t; tar tzf t.tgz | wc -l
printf 'all: a b\n\t@echo all\na:\n\t@echo a; touch a\nb: a\n\t@cp a b; echo b\nfail:\n\tfalse\n' > Makefile
make; make -j 4; rm a b; make -j 4; make fail; echo $?
head -c 30000000 /dev/zero | md5sum; dd if=/dev/zero of=big bs=1M count=20 status=none; cp big big2; cmp big big2; md5sum big2
sleep 100 & ps -o comm= -p $!; kill $!; wait $!; echo $?
ps -o comm= -p 1 | wc -l; getopt -o ab: -- -a -b x y; hexdump -C Makefile | head -n 1; flock lock echo locked; setsid echo session
