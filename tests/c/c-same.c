// layout: two segments, entry start
// c-same A B: status 0 if two files hold the same bytes.
#include "lib.h"

const char program[] = "c-same";

static char one[BLOCK], two[BLOCK];

int main(int argc, char **argv)
{
    check(argc == 3);
    int a = open(argv[1], O_RDONLY), b = open(argv[2], O_RDONLY);
    check(a >= 0 && b >= 0);
    for (;;) {
        int count = read(a, one, sizeof one);
        check(count >= 0 && read(b, two, sizeof two) == count);
        if (count == 0)
            return 0;
        check(same(one, two, count));
    }
}
