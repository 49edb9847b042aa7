// layout: two segments, entry start
// More than a thousand processes: 999 unreaped children of one parent and not one more, and
// children of theirs beside them.
#include "lib.h"

const char program[] = "c-many";

enum { CHILDREN = 999, GRANDCHILDREN = 60 };

static int gate[2], news[2];

// Waits until the first process closes the gate.
static void wait_at_gate(void)
{
    char byte;
    close(gate[1]);
    read(gate[0], &byte, 1);
}

// A child with children of its own; says how many it got.
static void second_parent(void)
{
    int started = 0, status, sound = 1;
    for (int i = 0; i < GRANDCHILDREN; i++) {
        int pid = fork();
        if (pid == 0) {
            wait_at_gate();
            exit(0);
        }
        started += pid > 0;
    }
    check(write(news[1], &started, sizeof started) == sizeof started);
    wait_at_gate();
    for (int i = 0; i < started; i++)
        sound &= wait(&status) > 0 && status == 0;
    check(sound && wait(0) == -1);
    exit(0);
}

int main(void)
{
    int children = 0, others = 0, status, ended = 0;
    check(pipe(gate) == 0 && pipe(news) == 0);
    for (;;) {
        int pid = fork();
        if (pid == 0) {
            if (children == 0)
                second_parent();
            wait_at_gate();
            exit(0);
        }
        if (pid < 0)
            break;
        if (++children == 1)
            check(read(news[0], &others, sizeof others) == sizeof others);
    }
    check(others == GRANDCHILDREN);
    // Ourselves, init and the shell's processes are not in it.
    print("%s: %d children, %d processes\n", program, (long)children, (long)children + others + 1);
    check(children == CHILDREN);
    check(fork() == -1);

    close(gate[1]);
    while (wait(&status) > 0) {
        check(status == 0);
        ended++;
    }
    check(ended == children);
    // The refusal was for the children that were there, not for ever.
    int pid = fork();
    if (pid == 0)
        exit(0);
    check(pid > 0 && wait(0) == pid);
    return 0;
}
