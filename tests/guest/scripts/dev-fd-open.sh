# /dev/fd, /dev/stdin and their like, opened by name.
echo content > f; exec 3< f; cat /dev/fd/3; cat /dev/fd/3; cat <&3; exec 3<&-; exec 4> o; echo a > /dev/fd/4; echo b >&4; cat o; exec 4>&-; exec 5>> o; echo c > /dev/fd/5; cat o; exec 5>&-; echo piped | cat /dev/fd/0; echo x | (exec 6<&0; cat /dev/fd/6); cat /dev/fd/9; echo $?; echo y > /dev/fd/9; echo $?; ls /dev/fd/ > /dev/null; echo $?; diff /dev/fd/3 3<f f; cmp - f < f; sort -m /dev/fd/3 /dev/fd/4 3<f 4<f; echo q | tee /dev/fd/1 | cat; echo e > /dev/stderr 2> err; cat err; sh /dev/fd/3 3<<E
echo from fd
E
. /dev/fd/3 3<<E
echo sourced
E
wc -l /dev/stdin < f; readlink /proc/self/fd/0 < f | sed 's,.*/,,'; readlink /dev/stdin < /dev/null; test -e /dev/fd/7; echo $?; [ -p /dev/stdin ]; echo $?; echo | { [ -p /dev/stdin ]; echo $?; }; paste /dev/fd/3 /dev/fd/4 3<f 4<f
