# Children start as nice as their parent is.
nice_of() { awk '{ print $19 }' "/proc/$1/stat"; }
renice 5 $$
nice_of $$
nice_of self
sh -c 'awk "{ print \$19 }" /proc/self/stat'
awk '{ print $19 }' /proc/self/stat | cat
(renice -n 2 -p "$(sh -c 'echo $PPID')"; nice_of self) &
wait
nice_of self
