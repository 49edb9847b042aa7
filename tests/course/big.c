// padded
// A program as large as a file can be.
#include "user.h"

enum { SIZE = 220 * 1024 };

static volatile char table[SIZE] = {[0] = 1, [SIZE / 2] = 2, [SIZE - 1] = 3};

int main(void)
{
    long sum = 0;
    for (int i = 0; i < SIZE; i++)
        sum += table[i];
    for (int i = 0; i < SIZE; i += PAGE)
        table[i] = 4;
    for (int i = 0; i < SIZE; i += PAGE)
        sum += table[i];
    printf("big: %s\n", sum == 6 + 4 * (SIZE / PAGE) ? "OK" : "wrong");
    END(0);
}
