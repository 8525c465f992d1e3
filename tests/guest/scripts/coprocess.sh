# A server in the background, spoken to through two named pipes.
mkfifo req ans
(while read op a b <&3; do case $op in add) echo $((a+b));; mul) echo $((a*b));; up) echo "$a" | tr a-z A-Z;; quit) echo bye; break;; *) echo "what is $op?";; esac >&4; done) 3< req 4> ans &
exec 5> req 6< ans
ask() { echo "$*" >&5; read r <&6; echo "$* -> $r"; }
ask add 2 3; ask mul 6 7; ask up hello; ask nonsense; i=0; while [ $i -lt 50 ]; do echo "add $i $i" >&5; read r <&6; s=$((s+r)); i=$((i+1)); done; echo $s; ask quit
exec 5>&- 6<&-; wait; echo $?
