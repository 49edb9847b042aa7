// layout: two segments, entry start
// Has a child that has ended and is not waited for, and waits for ever for something else. It does
// not wait for time to pass, because every tick would wake it for a moment.
#include "lib.h"

const char program[] = "c-zombie";

int main()
{
    int ends[2];
    char byte;
    check(pipe(ends) == 0);
    int pid = fork();
    check(pid >= 0);
    if (pid > 0)
        check(read(ends[0], &byte, 1) == 0);
    return 0;
}
