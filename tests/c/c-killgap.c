// layout: two segments, entry start
// A child touches MIB MiB and ends, by exit or by being killed, while its parent looks at the clock
// all the time: what is the longest time that the parent was not run?
// Arguments: MIB, 0 for exit or 1 for kill, the longest gap in us, how long to look in ms.
#include "lib.h"

const char program[] = "c-killgap";

int main(int argc, char **argv)
{
    unsigned long length = argument(argc, argv, 1, 64) << 20;
    int killed = argument(argc, argv, 2, 1), ready[2], leave[2], status;
    long limit = argument(argc, argv, 3, 100000), watch = argument(argc, argv, 4, 1000), longest = 0;
    char byte;
    check(pipe(ready) == 0 && pipe(leave) == 0);
    int pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        char *from = sbrk_mode(length, SBRK_EAGER);
        check(from != (char *)-1);
        touch_pages(from, length);
        write(ready[1], "x", 1);
        read(leave[0], &byte, 1);
        exit(0);
    }
    check(read(ready[0], &byte, 1) == 1);
    if (killed)
        check(kill(pid) == 0);
    else
        write(leave[1], "x", 1);
    unsigned long begin = microseconds(), last = begin;
    while (last - begin < (unsigned long)watch * 1000) {
        unsigned long now = microseconds();
        if ((long)(now - last) > longest)
            longest = now - last;
        last = now;
    }
    check(wait(&status) == pid && status == (killed ? -1 : 0));
    print("%s: longest gap: %d us\n", program, longest);
    check(longest <= limit);
    print("%s: OK\n", program);
    return 0;
}
