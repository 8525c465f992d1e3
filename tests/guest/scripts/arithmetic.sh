# Shell arithmetic is 64-bit also on a 32-bit machine.
echo $((1+2*3)) $(((1+2)*3)) $((7/2)) $((-7/2)) $((7%3)) $((-7%3))
echo $((1<<40)) $((0x7fffffffffffffff)) $((0xff)) $((010)) $((2**10))
echo $((5>3)) $((5<3)) $((1&&0)) $((1||0)) $((!5)) $((~0))
a=5; echo $((a++)) $a $((++a)) $a $((a+=10)) $a
echo $((a>10?100:200)) $((1,2,3))
echo $((12&10)) $((12|10)) $((12^10)) $((1000000007*998244353))
i=0; while [ $i -lt 5 ]; do i=$((i+1)); done; echo $i
let b=3*4; echo $b
x=0; for n in $(seq 1 100); do x=$((x+n)); done; echo $x
(echo $((1/0))) 2>/dev/null; echo $?
