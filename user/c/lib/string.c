// Strings and blocks of memory.
#include "user/user.h"

uint strlen(const char *text)
{
    const char *end = text;
    while (*end)
        end++;
    return end - text;
}

char *strcpy(char *to, const char *from)
{
    memmove(to, from, strlen(from) + 1);
    return to;
}

char *strchr(const char *text, char byte)
{
    for (; *text; text++)
        if (*text == byte)
            return (char *)text;
    return 0;
}

int strcmp(const char *one, const char *other)
{
    for (; *one && *one == *other; one++)
        other++;
    return (uchar)*one - (uchar)*other;
}

int memcmp(const void *one, const void *other, uint count)
{
    const uchar *a = one, *b = other;
    for (uint at = 0; at < count; at++)
        if (a[at] != b[at])
            return a[at] - b[at];
    return 0;
}

void *memset(void *to, int byte, uint count)
{
    for (uint at = 0; at < count; at++)
        ((uchar *)to)[at] = byte;
    return to;
}

// Backwards where the two overlap so that forwards would overwrite what is still to be read.
void *memmove(void *to, const void *from, int count)
{
    uchar *target = to;
    const uchar *source = from;
    if (target < source)
        for (int at = 0; at < count; at++)
            target[at] = source[at];
    else
        for (int at = count - 1; at >= 0; at--)
            target[at] = source[at];
    return to;
}

void *memcpy(void *to, const void *from, uint count)
{
    return memmove(to, from, count);
}

int atoi(const char *digits)
{
    int number = 0;
    for (; *digits >= '0' && *digits <= '9'; digits++)
        number = 10 * number + (*digits - '0');
    return number;
}
