// layout: two segments, entry start
// A process with 300 mappings can fork. It still can when a child has touched all memory and 40
// others have made 1,000 mappings each.
#include "lib.h"

const char program[] = "c-forkdeg";

enum { OWN = 300, CHILDREN = 40, MAPPINGS = 1000 };

static void eat_all(address unused)
{
    (void)unused;
    check(eat() > 0);
}

static void map(address count)
{
    check(unmergeable(count) == (int)count);
}

int main(int argc, char **argv)
{
    int children = argument(argc, argv, 1, CHILDREN);
    check(unmergeable(OWN) == OWN);
    check(status_of(nothing, 0) == 0);
    check(status_of(eat_all, 0) == 0);
    for (int child = 0; child < children; child++)
        check(status_of(map, MAPPINGS) == 0);
    check(status_of(nothing, 0) == 0);
    print("%s: OK\n", program);
    return 0;
}
