# What ulimit sets, /proc tells and children inherit.
ulimit -n 100
ulimit -S -n 50
ulimit -n
ulimit -H -n
sh -c 'ulimit -n'
(ulimit -n 20; ulimit -H -n)
ulimit -n
ulimit -c 0
ulimit -c
head -n 1 /proc/self/limits
grep 'Max open files' /proc/self/limits
grep 'Max core file size' /proc/$$/limits | cut -c 1-46
wc -l < /proc/self/limits
cat /proc/999999/limits
ulimit -n 5
{ true 3< /dev/null; } 4< /dev/null && echo five are enough
