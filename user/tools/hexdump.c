/* hexdump: prints bytes as offset, hexadecimal and text, sixteen to a line. usage: hexdump [FILE] */

#include <stdio.h>

enum { bytes_per_line = 16 };

static void print_line(unsigned long offset, const unsigned char *bytes, size_t count)
{
    printf("%08lx ", offset);
    for (size_t i = 0; i < bytes_per_line; i++) {
        if (i < count)
            printf(" %02x", bytes[i]);
        else
            printf("   ");
        if (i == bytes_per_line / 2 - 1)
            putchar(' ');
    }
    printf("  |");
    for (size_t i = 0; i < count; i++)
        putchar(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
    printf("|\n");
}

int main(int argc, char **argv)
{
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : stdin;
    if (!file) {
        perror(argv[1]);
        return 1;
    }
    unsigned char bytes[bytes_per_line];
    unsigned long offset = 0;
    size_t count;
    while ((count = fread(bytes, 1, sizeof bytes, file)) > 0) {
        print_line(offset, bytes, count);
        offset += count;
    }
    printf("%08lx\n", offset);
    return ferror(file) ? 1 : 0;
}
