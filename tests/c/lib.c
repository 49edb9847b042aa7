// Printing, comparing, and running a piece of a program in a child.
#include "lib.h"
#include <stdarg.h>

// The entry point of programs whose main returns.
void start(int argc, char **argv)
{
    exit(main(argc, argv));
}

// The compiler may call these two whatever it was told.
void *memset(void *to, int byte, unsigned long count)
{
    for (unsigned char *p = to; count > 0; count--)
        *p++ = byte;
    return to;
}

void *memcpy(void *to, const void *from, unsigned long count)
{
    unsigned char *t = to;
    for (const unsigned char *f = from; count > 0; count--)
        *t++ = *f++;
    return to;
}

void fill(void *to, int byte, unsigned long count)
{
    memset(to, byte, count);
}

int same(const void *one, const void *two, unsigned long count)
{
    const unsigned char *a = one, *b = two;
    while (count > 0 && *a == *b)
        a++, b++, count--;
    return count == 0;
}

static char *decimal(char *end, long number)
{
    unsigned long rest = number < 0 ? -(unsigned long)number : (unsigned long)number;
    do
        *--end = '0' + rest % 10;
    while ((rest /= 10) > 0);
    if (number < 0)
        *--end = '-';
    return end;
}

void print(const char *format, ...)
{
    char line[160];
    unsigned length = 0;
    va_list arguments;
    va_start(arguments, format);
    for (; *format && length < sizeof line - 1; format++) {
        char digits[24];
        const char *text;
        if (*format != '%') {
            line[length++] = *format;
            continue;
        }
        format++;
        if (*format == 's') {
            text = va_arg(arguments, const char *);
        } else {
            digits[sizeof digits - 1] = 0;
            text = decimal(digits + sizeof digits - 1, va_arg(arguments, long));
        }
        while (*text && length < sizeof line - 1)
            line[length++] = *text++;
    }
    va_end(arguments);
    // One write for one line, so that the lines of several processes do not mix.
    write(1, line, length);
}

void failed(int line, const char *condition)
{
    print("%s: line %d: not so: %s\n", program, (long)line, condition);
    exit(1);
}

int status_of(void (*child)(address), address argument)
{
    int status = 12345;
    int pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        child(argument);
        exit(0);
    }
    check(wait(&status) == pid);
    return status;
}
