// layout: two segments, entry start
// MAPPINGS mappings that cannot merge; then a forked child asks for one page more of heap, which it
// gets as long as there is memory, whatever memory was used for before.
#include "lib.h"

const char program[] = "c-sbrkdeg";

static void grow(address unused)
{
    (void)unused;
    check(sbrk(PAGE) != (char *)-1);
}

int main(int argc, char **argv)
{
    int wanted = argument(argc, argv, 1, 55);
    check(unmergeable(wanted) == wanted);
    check(status_of(grow, 0) == 0);
    print("%s: %d mappings: OK\n", program, (long)wanted);
    return 0;
}
