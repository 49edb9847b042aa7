// Counts lines, words and bytes.
#include "user.h"

int main(int argc, char **argv)
{
    char buffer[512];
    int lines = 0, words = 0, bytes = 0, inside = 0, count;
    int fd = argc > 1 ? open(argv[1], O_RDONLY) : 0;
    if (fd < 0) {
        fprintf(2, "wc: cannot open %s\n", argv[1]);
        exit(1);
    }
    while ((count = read(fd, buffer, sizeof buffer)) > 0)
        for (int i = 0; i < count; i++) {
            int blank = buffer[i] == ' ' || buffer[i] == '\n' || buffer[i] == '\t';
            lines += buffer[i] == '\n';
            words += !blank && !inside;
            inside = !blank;
            bytes++;
        }
    printf("%d %d %d\n", lines, words, bytes);
    END(0);
}
