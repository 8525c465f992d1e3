[ -n "$BASH_VERSION" ] || exec bash "$0"  # not the busybox that would answer to all of these names
# The features that busybox's shell lacks.
bash <<'END'
a=(x y z); declare -A m=([k]=v [q]=w)
echo "${a[@]}" ${#a[@]} $(for k in "${!m[@]}"; do echo $k=${m[$k]}; done | sort)
diff <(seq 3) <(seq 4); cat <<< here
[[ abc123 =~ ^([a-z]+)([0-9]+)$ ]] && echo "${BASH_REMATCH[@]:1}"
trap 'echo usr1' USR1; kill -USR1 $$; trap 'echo bye' EXIT
coproc cat; echo a >&"${COPROC[1]}"; read -r x <&"${COPROC[0]}"; echo "$x"
mapfile -t l < <(seq 4); echo "${l[2]}"
sleep 0.1 & wait $!; echo $?
(exit 3); echo $?; printf '%05.2f|%-8s|%q\n' 3.14159 ab 'a b'
END
echo "#! /bin/bash -e
echo \$0 \$1 \${BASH_VERSION%%.*} \$(cat /proc/\$\$/comm)" > script
chmod +x script
./script argument
readlink /proc/self/exe
