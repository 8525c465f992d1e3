# Text through every filter and back: nothing may be lost.
cat > in <<'E'
{"name": "alpha", "n": 1, "tags": ["x", "y"]}
{"name": "beta", "n": 22, "tags": []}
{"name": "gamma \"q\"", "n": -3, "tags": ["z"]}
E
sed 's/.*"name": "\(.*\)", "n".*/\1/' in; awk -F'"n": ' '{split($2,a,","); s+=a[1]} END{print s}' in; grep -o '"tags": \[[^]]*\]' in | tr -d '[]" ' | cut -d: -f2 | tr ',' '\n' | sort | uniq -c; while IFS= read -r l; do set -- "$l"; echo "${#l} $(printf %s "$l" | md5sum | cut -c1-8)"; done < in; base64 in | base64 -d | cmp - in && echo b64; xxd in | xxd -r | cmp - in && echo xxd; od -An -v -tx1 in | tr -d ' \n' | sed 's/../\\x&/g' > esc; printf "$(cat esc)" | cmp - in && echo printf; gzip < in | od -c | wc -l; tr 'a-zA-Z' 'n-za-mN-ZA-M' < in | tr 'a-zA-Z' 'n-za-mN-ZA-M' | cmp - in && echo rot13; dd if=in bs=1 2>/dev/null | cmp - in && echo dd; rev in | rev | cmp - in && echo rev; tac in | tac | cmp - in; echo $?; uuencode in x | uudecode -o - | cmp - in && echo uu; fold -w 10 in | tr -d '\n' | wc -c; split -b 20 in p 2>/dev/null; nl -b a in | cut -f2 | cmp - in && echo nl; cat -A in | head -1; cat -n in | tail -1; tr -s '"' in < in | head -1; expr "$(head -1 in)" : '.*alpha'; case "$(head -1 in)" in *alpha*) echo match;; esac
