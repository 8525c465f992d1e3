# mktemp and cleaning up in a trap, also after a signal.
f=$(mktemp /tmp/script.XXXXXX); echo x > "$f"; [ -f "$f" ] && echo made; stat -c %a "$f"; rm "$f"
d=$(mktemp -d /tmp/script.XXXXXX); touch "$d/a"; stat -c %a "$d"; ls "$d"; rm -r "$d"; [ -e "$d" ] || echo gone
sh -c 't=$(mktemp); echo "$t" > name; trap "rm -f $t; echo cleaned" EXIT; echo work > $t; cat $t'; [ -e "$(cat name)" ] || echo removed
sh -c 't=$(mktemp); echo "$t" > name; trap "rm -f $t; echo cleaned; exit 9" TERM; kill -TERM $$; sleep 5'; echo $?; [ -e "$(cat name)" ] || echo removed
