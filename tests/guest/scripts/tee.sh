# tee to several files, appending, in the middle of a pipe.
echo a | tee f g; cat f g; echo b | tee -a f > /dev/null; cat f; seq 1 10000 | tee h | md5sum; md5sum < h; seq 1 5 | tee /dev/stderr 2>/dev/null | wc -l; echo x | tee nodir/f 2>/dev/null; echo $?; seq 1 3 | tee i | tee j | tail -n 1; cmp i j && echo same
