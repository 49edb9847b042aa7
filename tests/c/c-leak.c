// layout: two segments, entry start
// Runs other programs round after round: the free frames must not become fewer. Extra is allowed
// for what the kernel keeps ready; a single frame lost per program would be more.
#include "lib.h"

const char program[] = "c-leak";

enum { ROUNDS = 8, SPARE = 16, FREE = 1, FILE_CACHE = 3 };

static char *const programs[] = {"forktest", "stressfs", "c-cow", "c-hello", "c-files",
                                 "lie-huge", "lie-offset", "lie-past-end"};
enum { PROGRAMS = sizeof programs / sizeof *programs };

static void run(char *name)
{
    char *arguments[] = {name, 0};
    int pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        // What they print is of no interest; what they do to memory is.
        close(1);
        check(open("output", O_CREATE | O_TRUNC | O_WRONLY) == 1);
        exec(name, arguments);
        exit(0);
    }
    check(wait(0) == pid);
}

// Those of the cache of files are free for the asking.
static long free_frames(void)
{
    unsigned long counters[FILE_CACHE + 1];
    check(memstat(counters, FILE_CACHE + 1) > FILE_CACHE);
    return counters[FREE] + counters[FILE_CACHE];
}

int main(void)
{
    long first = 0, now = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PROGRAMS; i++)
            run(programs[i]);
        now = free_frames();
        if (round == 0)
            first = now;
    }
    print("%s: %d frames free after one round, %d after all\n", program, first, now);
    check(now >= first - SPARE);
    print("%s: OK\n", program);
    return 0;
}
