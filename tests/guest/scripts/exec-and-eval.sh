# exec, eval, command, type, alias, dot, hash-bang scripts, PATH.
sh -c 'exec echo replaced; echo never'; sh -c 'exec nosuch; echo no' 2>/dev/null; echo $?; eval echo '$((1+1))'; a='echo b'; $a; command echo direct; echo 'V=sourced; echo in dot $1' > d; . ./d; echo $V; sh ./d arg
printf '#!/bin/sh\necho script $0 $# "$1"\nexit 6\n' > s; chmod +x s; ./s "x y"; echo $?; mkdir bin; printf 'echo plain text script\n' > bin/tool; chmod +x bin/tool; PATH=$PWD/bin:$PATH; tool; printf '#!/nonexistent/x\n' > bad; chmod +x bad; ./bad 2>/dev/null; echo $?
(exec 2>/dev/null; nosuch); echo $?; cat > r <<'END'
[ $1 -le 0 ] && { echo bottom; exit 0; }
sh ./r $(($1-1)); echo up $1
END
sh ./r 4; echo 'echo from stdin $1' | sh -s arg; which sh | sed 's|.*/||'; type cd | head -n 1; times > /dev/null; echo $?; x=$(exec echo sub); echo $x; printf '#!/usr/bin/env sh\necho via env\n' > v; chmod +x v; [ -x /usr/bin/env ] && ./v
