# Juggling file descriptors.
exec 3>&1; echo swapped 2>&1 >&3 | sed 's/^/piped: /'; { echo out; echo err >&2; } 3>&1 1>&2 2>&3 3>&- | sed 's/^/was err: /'
exec 3>&-; (echo closed >&3) 2>/dev/null || echo "3 is closed"
exec 7<> rw; echo line1 >&7; echo line2 >&7; exec 7>&-; cat rw; exec 8>> rw; echo line3 >&8; exec 8>&-; wc -l < rw
f() { echo "to $1" >&$1; }; f 1; f 2 2>/dev/null; { f 5; } 5>&1; a=$( { echo captured >&2; echo not; } 2>&1 >/dev/null ); echo "$a"
exec 4< rw; head -n 1 <&4 > /dev/null; exec 4<&-; while read a; do read b; echo "$a+$b"; done < rw; for fd in 3 4 5 6; do eval "exec $fd> f$fd"; done; for fd in 3 4 5 6; do eval "echo $fd >&$fd"; done; cat f3 f4 f5 f6; cat <&- 2>/dev/null; echo $?; echo x >&- 2>/dev/null; echo $?
