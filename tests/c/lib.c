// Printing, comparing, and running a piece of a program in a child.
#include "lib.h"
#include "arch.h"
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

long number(const char *text)
{
    long value = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + *text - '0';
    return value;
}

long argument(int argc, char **argv, int index, long otherwise)
{
    return index < argc ? number(argv[index]) : otherwise;
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

unsigned long memory(int counter)
{
    unsigned long counters[MEM_COUNTERS];
    check(memstat(counters, MEM_COUNTERS) >= MEM_COUNTERS);
    return counters[counter];
}

// The clock of the contract has 10 MHz.
unsigned long microseconds(void)
{
    return clock_now() / clock_rate();
}

void end_child(int pid)
{
    int status;
    kill(pid);
    check(wait(&status) > 0);
}

void touch_pages(volatile char *from, unsigned long length)
{
    for (unsigned long at = 0; at < length; at += PAGE)
        from[at] = 1;
}

int unmergeable(int wanted)
{
    int had = 0;
    while (had < wanted) {
        int protection = had % 2 ? PROT_READ : PROT_READ | PROT_WRITE;
        if (mmap(0, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == (char *)-1)
            break;
        had++;
    }
    return had;
}

unsigned long eat(void)
{
    unsigned long had = 0, step = 1 << 20;
    while (step >= PAGE) {
        char *from = sbrk_mode(step, SBRK_EAGER);
        if (from == (char *)-1) {
            step /= 2;
            continue;
        }
        touch_pages(from, step);
        had += step;
    }
    return had;
}

void nothing(address unused)
{
    (void)unused;
}

void start_hogs(int *pids, int count, void (*hog)(int))
{
    for (int number = 0; number < count; number++) {
        pids[number] = fork();
        check(pids[number] >= 0);
        if (pids[number] == 0) {
            hog(number);
            exit(1);
        }
    }
}

void end_hogs(const int *pids, int count)
{
    for (int number = 0; number < count; number++)
        end_child(pids[number]);
}
