// layout: two segments, entry start
// `c-lazysbrk 1`: one-argument sbrk promises nothing, so far more can be had than there is memory,
// and a little of it used. `c-lazysbrk 0`: what cannot be promised is refused.
#include "lib.h"

const char program[] = "c-lazysbrk";

enum { MUCH = 1 << 30, FAR = 1 << 24 };

int main(int argc, char **argv)
{
    char *from = sbrk(MUCH);
    if (argument(argc, argv, 1, 1) == 0) {
        check(from == (char *)-1);
    } else {
        check(from != (char *)-1);
        for (long at = 0; at < MUCH; at += FAR)
            *(long *)(from + at) = at;
        for (long at = 0; at < MUCH; at += FAR)
            check(*(long *)(from + at) == at);
        check(sbrk(-MUCH) == from + MUCH);
    }
    print("%s: OK\n", program);
    return 0;
}
