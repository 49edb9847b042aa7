// layout: one segment, entry main
// A fork bomb that burns for two seconds. It may get what there is,
// but not what the others have already, and when it is over nothing is left of it.
#include "lib.h"

const char program[] = "c-bomb";

enum { TICKS = 20, PATIENCE = 300, FREE = 1, FORKS = 8, COUNTERS };

static void burn(address end)
{
    while ((address)uptime() < end)
        fork();
    exit(0);
}

int main(void)
{
    unsigned long before[COUNTERS], after[COUNTERS];
    // A child first, so that the pages it writes to are there.
    check(status_of(burn, 0) == 0);
    memstat(before, COUNTERS);
    // A child of its own: what it leaves behind becomes init's, not ours.
    check(status_of(burn, uptime() + TICKS) == 0);
    for (int waited = 0; waited < PATIENCE; waited++) {
        memstat(after, COUNTERS);
        if (after[FREE] >= before[FREE])
            break;
        sleep(1);
    }
    print("%s: %d forks, free %d then %d\n", program, after[FORKS] - before[FORKS], before[FREE], after[FREE]);
    check(after[FORKS] - before[FORKS] > 50);
    if (after[FREE] != before[FREE])
        // Anonymous, of files, tables, the kernel's.
        for (int kind = FREE + 1; kind < FREE + 5; kind++)
            print("%s: %d of kind %d, then %d\n", program, before[kind], kind, after[kind]);
    check(after[FREE] == before[FREE]);
    print("%s: OK\n", program);
    exit(0);
}
