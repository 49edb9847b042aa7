// Prints the lines of its input or of a file that contain a word.
#include "user.h"

static int contains(const char *line, const char *word)
{
    for (; *line; line++) {
        const char *a = line, *b = word;
        while (*b && *a == *b)
            a++, b++;
        if (!*b)
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    char line[256];
    if (argc < 2) {
        fprintf(2, "usage: grep WORD [FILE]\n");
        exit(1);
    }
    if (argc > 2) {
        close(0);
        if (open(argv[2], O_RDONLY) != 0) {
            fprintf(2, "grep: cannot open %s\n", argv[2]);
            exit(1);
        }
    }
    while (gets(line, sizeof line)[0])
        if (contains(line, argv[1]))
            printf("%s", line);
    END(0);
}
