// Formatted output, one write per byte: the lines of two programs may mix, and every byte is a
// system call.
#include "user.h"
#include <stdarg.h>

static void put(int fd, char byte)
{
    write(fd, &byte, 1);
}

static void put_number(int fd, unsigned long number, unsigned base)
{
    char digits[20];
    int count = 0;
    do
        digits[count++] = "0123456789abcdef"[number % base];
    while (number /= base);
    while (count > 0)
        put(fd, digits[--count]);
}

static void put_signed(int fd, long number)
{
    if (number < 0)
        put(fd, '-');
    put_number(fd, number < 0 ? -(unsigned long)number : (unsigned long)number, 10);
}

static void put_text(int fd, const char *text)
{
    for (text = text ? text : "(null)"; *text; text++)
        put(fd, *text);
}

static void format(int fd, const char *text, va_list arguments)
{
    for (; *text; text++) {
        if (*text != '%') {
            put(fd, *text);
            continue;
        }
        int is_long = *++text == 'l';
        text += is_long;
        switch (*text) {
        case 'd':
            put_signed(fd, is_long ? va_arg(arguments, long) : va_arg(arguments, int));
            break;
        case 'u':
            put_number(fd, is_long ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned), 10);
            break;
        case 'x':
            put_number(fd, is_long ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned), 16);
            break;
        case 'p':
            put_text(fd, "0x");
            put_number(fd, (unsigned long)va_arg(arguments, void *), 16);
            break;
        case 's':
            put_text(fd, va_arg(arguments, const char *));
            break;
        case 'c':
            put(fd, va_arg(arguments, int));
            break;
        default:
            put(fd, *text);
        }
    }
}

void printf(const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    format(1, text, arguments);
    va_end(arguments);
}

void fprintf(int fd, const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    format(fd, text, arguments);
    va_end(arguments);
}
