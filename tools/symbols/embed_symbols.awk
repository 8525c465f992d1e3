# Turns `nm -n -C` output of the linked kernel into assembly: the table behind kernel/symbols.hpp.
# Only code symbols: the table comes after the code in the image, so adding it moves none of them.
BEGIN { max_name = 100; count = 0 }
$2 ~ /^[tTwW]$/ && $1 >= "c0000000" {
    name = $0
    sub(/^[0-9a-fA-F]+ . /, "", name)
    if (length(name) > max_name) {
        name = substr(name, 1, max_name - 3) "..."
    }
    gsub(/\\/, "\\\\", name)
    gsub(/"/, "\\\"", name)
    if ($1 == last) {
        next                            # an alias of the same address
    }
    last = $1
    address[count] = $1
    names[count] = name
    count++
}
END {
    print "    .section .symbols, \"a\", @progbits"
    print "    .globl symbol_count, symbol_addresses, symbol_name_offsets, symbol_names"
    print "    .balign 4"
    print "symbol_count:\n    .long " count
    print "symbol_addresses:"
    for (i = 0; i < count; i++) { print "    .long 0x" address[i] }
    print "symbol_name_offsets:"
    offset = 0
    for (i = 0; i < count; i++) {
        print "    .long " offset
        length_of_name = names[i]
        gsub(/\\\\/, "x", length_of_name)
        gsub(/\\"/, "x", length_of_name)
        offset += length(length_of_name)
    }
    print "    .long " offset
    print "symbol_names:"
    for (i = 0; i < count; i++) { print "    .ascii \"" names[i] "\"" }
    print "    .section .note.GNU-stack, \"\", @progbits"
}
