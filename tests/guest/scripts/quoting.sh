# Quoting in all combinations.
echo 'single $x `y` \n' "double \$x \`y\` \"q\" \\" un\ quoted; x='a  b'; echo $x; echo "$x"; echo "'$x'"; echo '"'$x'"'; echo a'b'"c"d; echo ''; echo "" | wc -c; echo $'tab\there\x41\n'
set -- "" ' ' "a b"; echo $#; printf '<%s>' "$@"; echo; printf '<%s>' $@; echo; printf '<%s>' "$*"; echo; printf '<%s>' "pre$@post"; echo; echo "a
b"; echo a\
b; echo "$(echo "inner quotes")"; v="x y"; w=$v; echo "$w"; echo "${v}z" "${v:+"quoted  alt"}"; eval 'echo ev$x'; eval "y=\$x"; echo "$y"; echo ~+ | grep -c /; echo "~"; echo \# not comment # comment
