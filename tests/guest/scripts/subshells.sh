# Subshells have their own variables, folder, options and descriptors.
v=1; (v=2; echo $v); echo $v
mkdir d; (cd d && touch here); ls; ls d
(exit 9); echo $?
( (echo nested) )
(set -e; false; echo no); echo $?
v=$(v=3; echo $v); echo $v
{ v=4; }; echo $v
echo 5 | { read v; echo $v; }; echo $v
(umask 077; umask); umask
(exec > file; echo hidden); cat file
a=$( (echo 1; exit 6) ); echo "$a $?"
(trap 'echo t' EXIT); x=9 sh -c 'echo $x'; echo ${x-unset}
