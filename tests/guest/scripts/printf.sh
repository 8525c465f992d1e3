# printf in all its forms.
printf '%s\n' a b c; printf '%d %i %u\n' 1 -2 3; printf '%x %X %o %#x\n' 255 255 8 255; printf '%5s|%-5s|%05d|%+d\n' a b 42 7
printf '%c%c\n' abc def; printf '%%\n'; printf '%.3s\n' abcdef; printf '%.2f %e %g\n' 3.14159 12345.6789 0.00001234; printf '\101\x42\t\\\n'
printf '%b\n' 'a\tb\n'; printf '%s-%s\n' 1 2 3; printf 'no newline'; echo; printf '%*d\n' 6 42; printf '%d\n' 0x1f 010 "'A"; printf '%d\n' abc 2>/dev/null; echo $?
printf '%s\n'; printf '%q\n' x 2>/dev/null | head -c 0; echo -e 'a\nb\c'; echo; echo -n x; echo; echo -e '\0101\x41'
