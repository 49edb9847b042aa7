// Strings, lines from the keyboard, and where a program begins.
#include "user.h"

#if COURSE >= 2025
int main();

void start(int argc, char **argv)
{
    exit(main(argc, argv));
}

char *sbrk(int increment)
{
    return sys_sbrk(increment, SBRK_EAGER);
}
#endif

// A line with its newline, one byte per read; empty at the end of the input.
char *gets(char *line, int size)
{
    int length = 0;
    char byte;
    while (length + 1 < size && read(0, &byte, 1) == 1) {
        line[length++] = byte;
        if (byte == '\n' || byte == '\r')
            break;
    }
    line[length] = 0;
    return line;
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

unsigned long strlen(const char *text)
{
    unsigned long length = 0;
    while (text[length])
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

char *strcpy(char *to, const char *from)
{
    char *at = to;
    while ((*at++ = *from++))
        ;
    return to;
}

int atoi(const char *digits)
{
    int number = 0;
    while (*digits >= '0' && *digits <= '9')
        number = 10 * number + *digits++ - '0';
    return number;
}

void *memset(void *to, int byte, unsigned long count)
{
    for (char *at = to; count > 0; count--)
        *at++ = byte;
    return to;
}

void *memcpy(void *to, const void *from, unsigned long count)
{
    const char *source = from;
    for (char *at = to; count > 0; count--)
        *at++ = *source++;
    return to;
}
