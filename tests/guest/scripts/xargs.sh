# xargs: batches, replacement, statuses, quoting.
seq 1 5 | xargs echo; seq 1 5 | xargs -n 2 echo; printf 'a b\nc\n' | xargs -I{} echo "<{}>"
printf 'x\0y z\0' | xargs -0 -n 1 echo; echo "'a b' c" | xargs -n 1 echo; printf '' | xargs echo empty; printf '' | xargs -r echo never
seq 1 3 | xargs -n 1 sh -c 'echo $((10*$0))'; echo 1 | xargs false; echo $?; echo x | xargs sh -c 'exit 255'; echo $?; echo x | xargs nosuchcommand 2>/dev/null; echo $?
seq 1 5000 | xargs | wc -w; seq 1 2000 | xargs -n 100 echo | wc -l
