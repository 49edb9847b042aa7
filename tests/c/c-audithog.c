// layout: two segments, entry start
// HOGS processes have the kernel audit its memory in a loop; how
// long do a read of a file and a fork take meanwhile? Arguments: HOGS, rounds, the longest that
// either may take in us.
#include "lib.h"

const char program[] = "c-audithog";

enum { MOST = 8 };

static void audit_for_ever(int number)
{
    char line[256];
    (void)number;
    for (;;) {
        int fd = open("/dev/audit", O_RDONLY);
        check(fd >= 0);
        read(fd, line, sizeof line);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    int pids[MOST], hogs = argument(argc, argv, 1, 1), rounds = argument(argc, argv, 2, 6);
    long limit = argument(argc, argv, 3, 100000), reading = 0, forking = 0;
    char bytes[64];
    int fd = open(argv[0], O_RDONLY);
    check(hogs <= MOST && fd >= 0);
    start_hogs(pids, hogs, audit_for_ever);
    for (int round = 0; round < rounds; round++) {
        sleep(1);
        unsigned long begin = microseconds();
        check(read(fd, bytes, sizeof bytes) == sizeof bytes);
        long read_took = microseconds() - begin;
        begin = microseconds();
        int pid = fork();
        check(pid >= 0);
        if (pid == 0)
            exit(0);
        long fork_took = microseconds() - begin;
        check(wait(0) == pid);
        reading = read_took > reading ? read_took : reading;
        forking = fork_took > forking ? fork_took : forking;
    }
    end_hogs(pids, hogs);
    print("%s: longest read: %d us, longest fork: %d us\n", program, reading, forking);
    check(reading <= limit && forking <= limit);
    print("%s: OK\n", program);
    return 0;
}
