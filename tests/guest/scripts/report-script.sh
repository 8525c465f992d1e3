# A realistic admin script: builds logs, rotates them, reports.
mkdir -p logs archive; for d in 1 2 3 4 5; do for h in 00 06 12 18; do echo "2024-01-0$d $h:00 host$((d%2)) app[$((d*100))]: level=$( [ $h = 12 ] && echo ERROR || echo INFO ) msg=\"event $d-$h\"" >> logs/app.$d.log; done; done
grep -h ERROR logs/*.log | awk '{print $1, $3}' | sort | uniq -c; awk -F'[= ]' '{c[$6]++} END{for(k in c) print k, c[k]}' logs/*.log | sort
rotate() { f=$1; n=3; while [ $n -gt 1 ]; do [ -f $f.$((n-1)).gz ] && mv $f.$((n-1)).gz $f.$n.gz; n=$((n-1)); done; [ -f $f ] && gzip -c $f > $f.1.gz && : > $f; }
for r in 1 2 3; do echo "round $r" > logs/rot; rotate logs/rot; done; for i in 1 2 3; do zcat logs/rot.$i.gz; done; ls -s logs/rot | awk '{print $1}'
tar czf archive/logs.tgz -C logs . && tar tzf archive/logs.tgz | grep -c log; find logs -name '*.gz' -exec rm {} +; ls logs | wc -l
total=0; while read -r date time host rest; do case $host in host0) total=$((total+1));; esac; done <<E
$(cat logs/app.*.log)
E
echo total $total; { echo "Report"; printf '%-10s %5s\n' day count; for f in logs/app.*.log; do n=$(wc -l < $f); d=${f#logs/app.}; printf '%-10s %5d\n' "day ${d%.log}" $n; done; } | tee report.txt | tail -2; md5sum report.txt; sed -i 's/count/lines/;$a end' report.txt; cat report.txt; cut -c1-3 report.txt | paste -sd: -; diff - report.txt <<E
Report
E
