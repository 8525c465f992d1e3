# /proc tells which files a process has open, how, and where it stands in them.
printf 'a first line\nand another\n' > in
exec 3< in 4> out 5>> out 6<> out
for n in 3 4 5 6; do stat -c '%A %s' /proc/$$/fd/$n; [ -r /proc/self/fd/$n ] && echo readable; [ -w /proc/self/fd/$n ] && echo writable; done
readlink /proc/$$/fd/3 | sed 's,.*/,,'; ls -l /proc/$$/fd/3 | cut -c1-10
grep -E '^(pos|flags)' /proc/$$/fdinfo/3; read line <&3; grep -E '^(pos|flags)' /proc/$$/fdinfo/3; echo 12345 >&4
grep -hE '^(pos|flags)' /proc/$$/fdinfo/4 /proc/$$/fdinfo/5 /proc/$$/fdinfo/6; cat /proc/$$/fdinfo/77 2> /dev/null; echo $?; ls /proc/$$/fdinfo | grep -c '[3-6]'
ls /proc/$$/task | wc -l; cat /proc/$$/task/$$/comm; cut -d' ' -f2 /proc/$$/task/$$/stat; ls /proc/$$/task/$$/task 2> /dev/null; echo $?; readlink /proc/$$/task/$$/fd/3 | sed 's,.*/,,'
rm out; echo gone >&5; cat /proc/$$/fd/6
cat /proc/self/oom_score_adj; tr 0-9a-f x < /proc/sys/kernel/random/uuid; cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/uuid | sort -u | wc -l; uniq -c /proc/sys/kernel/random/boot_id | wc -l
grep -c '\[heap\]' /proc/$$/maps; grep -c '\[stack\]' /proc/$$/maps
