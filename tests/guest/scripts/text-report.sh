# A small report, as such scripts are in real life.
cat > sales <<'END'
2024-01-05;north;widget;12;3.50
2024-01-07;south;gadget;3;19.99
2024-02-01;north;gadget;7;19.99
2024-02-11;east;widget;40;3.25
2024-03-02;south;widget;5;3.50
END
echo "== by region"; awk -F';' '{t[$2]+=$4*$5} END{for(r in t) printf "%-6s %8.2f\n", r, t[r]}' sales | sort
echo "== by month"; cut -d- -f2 sales | sort | uniq -c | while read n m; do echo "month $m: $n"; done
echo "== products"; cut -d';' -f3 sales | sort -u | while read p; do n=$(grep -c ";$p;" sales); q=$(grep ";$p;" sales | cut -d';' -f4 | paste -sd+ - | sed 's/^/echo $((/;s/$/))/' | sh); echo "$p $n $q"; done
echo "== best"; sort -t';' -k4,4nr sales | head -n 1 | tr ';' ' '; sed 's/\(....\)-\(..\)-\(..\)/\3.\2.\1/' sales | head -n 2; total=0; while IFS=';' read d r p q c; do total=$((total+q)); done < sales; echo "total $total"
