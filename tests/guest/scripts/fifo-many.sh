# Eight workers share the jobs of one fifo.
mkfifo q; for i in 1 2 3 4 5 6 7 8; do (while read -r job; do echo "$((job*job))"; done < q > out.$i) & done; sleep 0.3; exec 3> q; for i in $(seq 40); do echo $i >&3; done; exec 3>&-; wait; cat out.* | sort -n | md5sum; cat out.* | wc -l
