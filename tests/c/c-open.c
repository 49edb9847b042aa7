// layout: two segments, entry start
// Thousands of open files: processes that each have as many
// descriptors as one can, for files, directories, pipes and the console. When they end, all of it
// is free again, to the frame.
#include "lib.h"

const char program[] = "c-open";

enum { PROCESSES = 16, DESCRIPTORS = 1024, FILES = 16, FREE = 1, KERNEL = 5, COUNTERS };

static int gate[2], news[2];
static char name[] = "open-a";

static const char *nth(int number)
{
    name[5] = 'a' + number % FILES;
    return name;
}

// Opens one more of something; the last descriptor it got, or -1.
static int open_something(int turn)
{
    int ends[2];
    switch (turn % 4) {
    case 0:
        return open(nth(turn / 4), O_RDWR);
    case 1:
        return open("/", O_RDONLY);
    case 2:
        return dup(1);
    default:
        return pipe(ends) == 0 ? ends[1] : -1;
    }
}

static void open_all(void)
{
    int last = 0, turn = 0, ends[2];
    char byte;
    for (int got; (got = open_something(turn)) >= 0; turn++)
        last = got;
    // A pipe may have been refused for want of one of two.
    while ((ends[0] = dup(0)) >= 0)
        last = ends[0];
    check(last == DESCRIPTORS - 1);
    check(open(nth(0), O_RDONLY) == -1 && open("open-new", O_CREATE | O_RDWR) == -1);
    check(dup(0) == -1 && pipe(ends) == -1);
    // The lowest that is free is the next, and an offset belongs to one opening.
    check(close(500) == 0 && open(nth(3), O_RDONLY) == 500);
    check(read(500, &byte, 1) == 1 && byte == 'a' + 3 && read(500, &byte, 1) == 0);
    check(close(501) == 0 && pipe(ends) == -1 && open(nth(3), O_RDONLY) == 501);
    check(read(501, &byte, 1) == 1 && byte == 'a' + 3);
    last++;
    check(write(news[1], &last, sizeof last) == sizeof last);
    close(gate[1]);
    check(read(gate[0], &byte, 1) == 0);
    exit(0);
}

static int round(void)
{
    int all = 0;
    unsigned long before[COUNTERS], during[COUNTERS];
    check(pipe(gate) == 0 && pipe(news) == 0);
    memstat(before, COUNTERS);
    for (int i = 0; i < PROCESSES; i++) {
        int count, pid = fork();
        check(pid >= 0);
        if (pid == 0)
            open_all();
        check(read(news[0], &count, sizeof count) == sizeof count);
        all += count;
    }
    memstat(during, COUNTERS);
    // Each pipe has a page, and one in five descriptors is for a new one.
    check(during[KERNEL] - before[KERNEL] > (unsigned long)PROCESSES * DESCRIPTORS / 6);
    close(gate[1]);
    for (int status, i = 0; i < PROCESSES; i++)
        check(wait(&status) > 0 && status == 0);
    close(gate[0]);
    close(news[0]);
    close(news[1]);
    return all;
}

int main(void)
{
    unsigned long before[COUNTERS], after[COUNTERS];
    for (int i = 0; i < FILES; i++) {
        char byte = 'a' + i;
        int fd = open(nth(i), O_CREATE | O_RDWR);
        check(fd >= 0 && write(fd, &byte, 1) == 1 && close(fd) == 0);
    }
    int all = round();
    memstat(before, COUNTERS);
    check(round() == all);
    memstat(after, COUNTERS);
    print("%s: %d descriptors in %d processes\n", program, (long)all, (long)PROCESSES);
    print("%s: free %d then %d, kernel %d then %d\n", program, before[FREE], after[FREE], before[KERNEL],
          after[KERNEL]);
    check(after[FREE] == before[FREE] && after[KERNEL] == before[KERNEL]);
    for (int i = 0; i < FILES; i++)
        check(unlink(nth(i)) == 0);
    check(open("open-new", O_RDONLY) == -1);

    // One process that had them all and closed them has no more memory than before.
    static int fds[DESCRIPTORS];
    int count = 0;
    check((fds[0] = dup(0)) > 0 && close(fds[0]) == 0);
    memstat(before, COUNTERS);
    while ((fds[count] = dup(0)) >= 0)
        count++;
    for (int i = 0; i < count; i++)
        check(close(fds[i]) == 0);
    memstat(after, COUNTERS);
    check(after[KERNEL] == before[KERNEL]);
    print("%s: OK\n", program);
    return 0;
}
