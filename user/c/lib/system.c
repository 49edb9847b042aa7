// Where a program begins, and calls of the system with something around them.
#include "kernel/fcntl.h"
#include "kernel/stat.h"
#include "user/user.h"

int main();

// Programs of some years end by calling exit, those of others by returning.
void start(int argc, char **argv)
{
    exit(main(argc, argv));
}

char *sbrk(int increment)
{
    return sys_sbrk(increment, SBRK_EAGER);
}

char *sbrklazy(int increment)
{
    return sys_sbrk(increment, SBRK_LAZY);
}

int stat(const char *path, struct stat *about)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    int result = fstat(fd, about);
    close(fd);
    return result;
}

// Reads a line with its end, byte by byte, so that nothing of the next one is taken.
char *gets(char *line, int size)
{
    int length = 0;
    char byte = 0;
    while (length + 1 < size && byte != '\n' && byte != '\r' && read(0, &byte, 1) == 1)
        line[length++] = byte;
    line[length] = 0;
    return line;
}
