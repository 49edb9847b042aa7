// layout: two segments, entry start
// HOGS others ask procstat of a victim with MIB MiB in a loop; how long do its page faults take
// meanwhile? Arguments: MIB, HOGS, pages, the longest that a fault may take in us.
#include "lib.h"

const char program[] = "c-pshog";

enum { MOST = 8, COUNTERS = 17 };

static int victim;

static void ask_for_ever(int number)
{
    unsigned long counters[COUNTERS];
    (void)number;
    while (procstat(victim, counters, COUNTERS) >= 0)
        ;
}

int main(int argc, char **argv)
{
    unsigned long length = argument(argc, argv, 1, 64) << 20;
    int pids[MOST], hogs = argument(argc, argv, 2, 1), pages = argument(argc, argv, 3, 200);
    long limit = argument(argc, argv, 4, 100000), longest = 0;
    check(hogs <= MOST);
    char *from = sbrk_mode(length, SBRK_EAGER);
    check(from != (char *)-1);
    touch_pages(from, length);
    char *fresh = sbrk_mode(pages * PAGE, SBRK_EAGER);
    check(fresh != (char *)-1);
    victim = getpid();
    start_hogs(pids, hogs, ask_for_ever);
    sleep(2);
    for (int page = 0; page < pages; page++) {
        unsigned long begin = microseconds();
        touch_pages(fresh + page * PAGE, PAGE);
        long took = microseconds() - begin;
        longest = took > longest ? took : longest;
    }
    end_hogs(pids, hogs);
    print("%s: longest fault: %d us\n", program, longest);
    check(longest <= limit);
    print("%s: OK\n", program);
    return 0;
}
