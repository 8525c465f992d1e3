#!/bin/sh
# check_image.sh FIRST_LINK KERNEL: what must hold for every kernel image.
set -eu

undefined=$(llvm-nm-19 -u "$2")
[ -z "$undefined" ] || { echo "undefined symbols in $2: $undefined" >&2; exit 1; }

# The embedded table is made from the first link; no code may have moved in the second.
code_symbols() { llvm-nm-19 -n --defined-only "$1" | grep -i ' t '; }
first=$(code_symbols "$1" | cksum)
second=$(code_symbols "$2" | cksum)
[ "$first" = "$second" ] || { echo "the symbol table moved code: $2" >&2; exit 1; }

if command -v grub-file > /dev/null; then
    grub-file --is-x86-multiboot2 "$2" || { echo "not a Multiboot2 image: $2" >&2; exit 1; }
fi
