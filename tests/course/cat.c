// Prints files, or its input.
#include "user.h"

static char buffer[512];

static void copy(int fd)
{
    int count;
    while ((count = read(fd, buffer, sizeof buffer)) > 0)
        if (write(1, buffer, count) != count) {
            fprintf(2, "cat: cannot write\n");
            exit(1);
        }
    if (count < 0) {
        fprintf(2, "cat: cannot read\n");
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc == 1)
        copy(0);
    for (int i = 1; i < argc; i++) {
        int fd = open(argv[i], O_RDONLY);
        if (fd < 0) {
            fprintf(2, "cat: cannot open %s\n", argv[i]);
            exit(1);
        }
        copy(fd);
        close(fd);
    }
    END(0);
}
