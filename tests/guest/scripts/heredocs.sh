# Here-documents: expanded, quoted, with tabs, nested in loops, long.
name=world
cat <<END
hello $name $(echo sub) $((6*7)) \$name
END
cat <<'END'
hello $name $(echo sub)
END
cat <<-END
	tab is gone
	  blanks stay
	END
for i in 1 2; do cat <<END; done
round $i
END
wc -l <<END
a
b
c
END
cat <<A; cat <<B
from a
A
from b
B
n=0; while [ $n -lt 400 ]; do line="$line 0123456789012345"; n=$((n+1)); done
wc -c <<END
$line$line$line$line$line$line$line$line$line$line$line$line
END
