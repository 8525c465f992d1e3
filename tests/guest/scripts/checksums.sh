# md5sum, sha*sum, cksum, crc32, sum: known values and check files.
printf abc | md5sum; printf abc | sha1sum; printf abc | sha256sum; printf abc | sha512sum | cut -c1-32
printf '' | md5sum; seq 1 100000 | md5sum; seq 1 30000 | sha256sum; printf abc | cksum; printf abc | sum
echo a > a; echo b > b; md5sum a b > sums; md5sum -c sums; echo c > b; md5sum -c sums 2>/dev/null; echo $?
head -c 100000 /dev/zero | md5sum; yes abc | head -c 50000 | sha1sum; printf abc | sha3sum 2>/dev/null | cut -c1-20
