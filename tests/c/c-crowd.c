// layout: two segments, entry start
// A tree of more than a thousand processes, all alive at once;
// where memory does not suffice, forks are refused and nothing else happens. What they cost is free
// again afterwards, to the frame.
#include "lib.h"

const char program[] = "c-crowd";

enum { BRANCHES = 32, LEAVES = 32, STACK_FRAMES = 4, FREE = 1, KERNEL = 5, COUNTERS };

static int gate[2], news[2];

// What a branch tells of itself.
struct told {
    int processes, refusals;
};

static void wait_at_gate(void)
{
    char byte;
    close(gate[1]);
    check(read(gate[0], &byte, 1) == 0);
}

static void branch(void)
{
    struct told told = {1, 0};
    for (int i = 0; i < LEAVES; i++) {
        int pid = fork();
        if (pid == 0) {
            wait_at_gate();
            exit(0);
        }
        told.processes += pid > 0;
        told.refusals += pid < 0;
    }
    check(write(news[1], &told, sizeof told) == sizeof told);
    wait_at_gate();
    for (int status; told.processes > 1; told.processes--)
        check(wait(&status) > 0 && status == 0);
    check(wait(0) == -1);
    exit(0);
}

static struct told grow(void)
{
    struct told all = {1, 0};
    unsigned long before[COUNTERS], during[COUNTERS];
    int branches = 0;
    check(pipe(gate) == 0 && pipe(news) == 0);
    memstat(before, COUNTERS);
    for (int i = 0; i < BRANCHES; i++) {
        struct told told;
        int pid = fork();
        if (pid == 0)
            branch();
        if (pid < 0) {
            all.refusals++;
            continue;
        }
        branches++;
        check(read(news[0], &told, sizeof told) == sizeof told);
        all.processes += told.processes;
        all.refusals += told.refusals;
    }
    memstat(during, COUNTERS);
    check(during[KERNEL] - before[KERNEL] >= (all.processes - 1ul) * STACK_FRAMES);
    close(gate[1]);
    for (int status; branches > 0; branches--)
        check(wait(&status) > 0 && status == 0);
    check(wait(0) == -1);
    close(gate[0]);
    close(news[0]);
    close(news[1]);
    return all;
}

int main(void)
{
    unsigned long before[COUNTERS], after[COUNTERS];
    struct told told = grow();
    memstat(before, COUNTERS);
    told = grow();
    memstat(after, COUNTERS);
    print("%s: %d processes, %d refusals\n", program, (long)told.processes, (long)told.refusals);
    print("%s: free %d then %d, kernel %d then %d\n", program, before[FREE], after[FREE], before[KERNEL],
          after[KERNEL]);
    check(after[FREE] == before[FREE] && after[KERNEL] == before[KERNEL]);
    print("%s: OK\n", program);
    return 0;
}
