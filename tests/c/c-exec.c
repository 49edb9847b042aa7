// layout: two segments, entry start
// Execs that fail, as many as asked for, each in another way; not one frame is lost.
#include "lib.h"

const char program[] = "c-exec";

enum { ROUNDS = 3000, TOO_MANY = 33, LONG = 4000, FREE = 1, KERNEL = 5, COUNTERS };

static char *none[] = {"x", 0};
static char *many[TOO_MANY + 1];
static char *huge[3];
static char text[LONG];

static const struct {
    const char *path;
    char **arguments;
} failing[] = {
    {"no-such-program", none},
    {"/", none},
    {"README", none},
    {"exec-empty", none},
    {"lie-huge", none},
    {"lie-offset", none},
    {"lie-past-end", none},
    {"c-hello", many},
    {"c-hello", huge},
    {"c-hello", (char **)0x4000000000},
    {(char *)-1, none},
    {"", none},
    {"c-hello/x", none},
};
enum { FAILING = sizeof failing / sizeof *failing };

static void fail(int from, int end)
{
    for (int i = from; i < end; i++)
        check(exec(failing[i % FAILING].path, failing[i % FAILING].arguments) == -1);
}

static void fail_in_child(address round)
{
    fail(round, round + FAILING);
}

int main(int argc, char **argv)
{
    unsigned long before[COUNTERS], after[COUNTERS];
    int rounds = argument(argc, argv, 1, ROUNDS);
    for (int i = 0; i < TOO_MANY; i++)
        many[i] = "x";
    fill(text, 'x', LONG - 1);
    huge[0] = huge[1] = text;
    close(open("exec-empty", O_CREATE | O_RDWR));
    fail(0, FAILING);
    check(status_of(fail_in_child, 0) == 0);

    memstat(before, COUNTERS);
    for (int done = 0; done < rounds; done += 5 * FAILING) {
        fail(done, done + 4 * FAILING);
        // The image of a process that ends, too, is what it was before.
        check(status_of(fail_in_child, done) == 0);
    }
    memstat(after, COUNTERS);
    print("%s: %d failing execs, free %d then %d, kernel %d then %d\n", program, (long)rounds, before[FREE],
          after[FREE], before[KERNEL], after[KERNEL]);
    check(after[FREE] == before[FREE] && after[KERNEL] == before[KERNEL]);
    check(unlink("exec-empty") == 0);
    print("%s: OK\n", program);
    return 0;
}
