// layout: two segments, entry start
// In each of ROUNDS rounds a child makes MAPPINGS mappings that cannot merge, forks, and ends: as
// long as there is memory none is refused, and the last round is like the first.
#include "lib.h"

const char program[] = "c-manymaps";

static void map_and_fork(address wanted)
{
    int had = unmergeable(wanted);
    if (had != (int)wanted)
        print("%s: %d of %d mappings\n", program, (long)had, wanted);
    check(had == (int)wanted);
    check(status_of(nothing, 0) == 0);
}

int main(int argc, char **argv)
{
    int wanted = argument(argc, argv, 1, 1000), rounds = argument(argc, argv, 2, 1);
    for (int round = 0; round < rounds; round++)
        check(status_of(map_and_fork, wanted) == 0);
    print("%s: %d mappings, %d rounds: OK\n", program, (long)wanted, (long)rounds);
    return 0;
}
