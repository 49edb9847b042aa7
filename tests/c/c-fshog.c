// layout: two segments, entry start
// HOGS processes write one byte at a time to a file of their own
// in a loop; how long does an open of another file take meanwhile? Arguments: HOGS, opens, the
// longest that one may take in us.
#include "lib.h"

const char program[] = "c-fshog";

enum { MOST = 8, WRITES = 1000 };

static void write_for_ever(int number)
{
    char name[] = {'h', '0' + number, 0};
    close(open(name, O_CREATE | O_RDWR));
    for (;;) {
        int fd = open(name, O_WRONLY);
        check(fd >= 0);
        for (int i = 0; i < WRITES && write(fd, "x", 1) == 1; i++)
            ;
        close(fd);
    }
}

int main(int argc, char **argv)
{
    int pids[MOST], hogs = argument(argc, argv, 1, 1), opens = argument(argc, argv, 2, 10);
    long limit = argument(argc, argv, 3, 100000), longest = 0;
    check(hogs <= MOST);
    start_hogs(pids, hogs, write_for_ever);
    sleep(3);
    for (int i = 0; i < opens; i++) {
        sleep(1);
        unsigned long begin = microseconds();
        int fd = open(argv[0], O_RDONLY);
        long took = microseconds() - begin;
        check(fd >= 0);
        close(fd);
        longest = took > longest ? took : longest;
    }
    end_hogs(pids, hogs);
    print("%s: longest open: %d us\n", program, longest);
    check(longest <= limit);
    print("%s: OK\n", program);
    return 0;
}
