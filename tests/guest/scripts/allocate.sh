# fallocate takes blocks, truncate does not; du and stat tell.
fallocate -l 5000 a; stat -c '%s %b' a; fallocate -o 1000 -l 9000 a; stat -c '%s %b' a; fallocate -l 100 a; stat -c '%s %b' a
truncate -s 1M b; stat -c '%s %b' b; fallocate -l 1M b; stat -c '%s %b' b; du -k b; echo here | dd of=b bs=1 seek=70000 conv=notrunc 2> /dev/null; stat -c '%s %b' b; tail -c +70001 b | head -n 1
head -c 5000 b | od; fallocate -l 0 a; echo $?; fallocate -l 1000 .; echo $?; : > a; stat -c '%s %b' a
