// Formatted output. What one call prints is written at once, so that the lines of two programs do
// not mix.
#include <stdarg.h>

#include "user/user.h"

struct output {
    int fd;
    uint length;
    char bytes[256];
};

static void flush(struct output *output)
{
    write(output->fd, output->bytes, output->length);
    output->length = 0;
}

static void put(struct output *output, char byte)
{
    if (output->length == sizeof output->bytes)
        flush(output);
    output->bytes[output->length++] = byte;
}

static void put_text(struct output *output, const char *text)
{
    while (*text)
        put(output, *text++);
}

static void put_number(struct output *output, uint64 number, uint base)
{
    char digits[24];
    char *digit = digits + sizeof digits;
    *--digit = 0;
    do
        *--digit = "0123456789abcdef"[number % base];
    while ((number /= base) != 0);
    put_text(output, digit);
}

static void put_signed(struct output *output, long number)
{
    if (number < 0)
        put(output, '-');
    put_number(output, number < 0 ? -(uint64)number : (uint64)number, 10);
}

static void format_all(int fd, const char *format, va_list arguments)
{
    struct output output = { .fd = fd, .length = 0 };
    for (; *format; format++) {
        if (*format != '%') {
            put(&output, *format);
            continue;
        }
        int is_long = 0;
        while (*++format == 'l')
            is_long = 1;
        switch (*format) {
        case 'd':
            put_signed(&output, is_long ? va_arg(arguments, long) : va_arg(arguments, int));
            break;
        case 'u':
        case 'x':
            put_number(&output, is_long ? va_arg(arguments, uint64) : va_arg(arguments, uint),
                       *format == 'u' ? 10 : 16);
            break;
        case 'p':
            // All digits, as the courses print addresses.
            put_text(&output, "0x");
            uint64 address = va_arg(arguments, uint64);
            for (int shift = 60; shift >= 0; shift -= 4)
                put(&output, "0123456789abcdef"[address >> shift & 15]);
            break;
        case 'c':
            put(&output, va_arg(arguments, int));
            break;
        case 's': {
            const char *text = va_arg(arguments, const char *);
            put_text(&output, text ? text : "(null)");
            break;
        }
        case 0:
            format--;
            break;
        case '%':
            put(&output, '%');
            break;
        default:
            put(&output, '%');
            put(&output, *format);
        }
    }
    flush(&output);
}

void fprintf(int fd, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    format_all(fd, format, arguments);
    va_end(arguments);
}

void printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    format_all(1, format, arguments);
    va_end(arguments);
}
