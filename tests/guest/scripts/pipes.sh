# Pipelines: order, status of the last command, early readers, many stages.
echo one two three | tr ' ' '\n' | sort | head -n 2
seq 1 1000 | grep 7 | wc -l
yes | head -n 3
false | true; echo $?
true | false; echo $?
seq 1 100000 | tail -n 1
echo x | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat
seq 1 5 | while read n; do echo "[$n]"; done
{ echo a; echo b >&2; } 2>&1 | sort -r
seq 1 20000 | md5sum
