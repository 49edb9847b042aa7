// layout: two segments, entry start
// Has a child that has ended and is not waited for.
#include "lib.h"

const char program[] = "c-zombie";

int main()
{
    int pid = fork();
    check(pid >= 0);
    if (pid > 0)
        sleep(50);
    return 0;
}
