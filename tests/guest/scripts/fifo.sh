# Named pipes between processes.
mkfifo p; ls -l p | cut -c1; echo through > p & cat p; wait
(for i in 1 2 3; do echo "line $i"; done > p) & while read l; do echo "got $l"; done < p; wait
mkfifo q; (read x < p; echo "reply to $x" > q) & echo question > p; cat q; wait
seq 1 50000 > p & md5sum < p; wait
(sleep 0.2; echo late > p) & cat < p; wait
exec 5<>p; echo both >&5; read x <&5; echo $x; exec 5>&-; rm p q; ls
