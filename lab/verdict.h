// The line by which a test tells its verdict:
//
//     @TEST VERDICT SYMPTOM HASH WORDS
//
// Its hash is that of the nonce and the other fields, so that nothing else that is printed can be
// taken for a verdict. Nothing here needs a system.
#pragma once

// Bytes of a line.
#define LINE 240
// Each program has its own copy of these and needs not use all; one copy is enough.
#define HELPER static __attribute__((noinline, unused))

HELPER int add(char *line, int at, const char *text)
{
    while (*text && at < LINE - 1)
        line[at++] = *text++;
    return at;
}

HELPER int add_number(char *line, int at, long number)
{
    char digits[24];
    int first = sizeof digits - 1;
    unsigned long left = number < 0 ? -(unsigned long)number : (unsigned long)number;
    digits[first] = 0;
    do {
        digits[--first] = '0' + left % 10;
        left /= 10;
    } while (left);
    if (number < 0)
        digits[--first] = '-';
    return add(line, at, digits + first);
}

HELPER int add_hex(char *line, int at, unsigned long number)
{
    char digits[17];
    for (int i = 15; i >= 0; i--, number >>= 4)
        digits[i] = "0123456789abcdef"[number & 15];
    digits[16] = 0;
    return add(line, at, digits);
}

// FNV-1a, on from a hash of what came before.
HELPER unsigned long hash(unsigned long so_far, const char *bytes, int count)
{
    for (int i = 0; i < count; i++)
        so_far = (so_far ^ (unsigned char)bytes[i]) * 0x100000001b3;
    return so_far;
}

HELPER int length_of(const char *text)
{
    int length = 0;
    while (text[length])
        length++;
    return length;
}

// Writes a line; `about` has the first three fields. Returns its length. Without a nonce the line
// is for a person.
HELPER int verdict_line(char *line, const char *nonce, const char *about, const char *words)
{
    int length = 0;
    if (nonce) {
        unsigned long sum = hash(0xcbf29ce484222325, nonce, length_of(nonce));
        sum = hash(sum, about, length_of(about));
        sum = hash(hash(sum, " ", 1), words, length_of(words));
        length = add(line, add(line, length, "\n@"), about);
        length = add_hex(line, add(line, length, " "), sum);
    } else {
        length = add(line, length, about);
    }
    length = add(line, add(line, length, " "), words);
    return add(line, length, "\n");
}
