// layout: two segments, entry start
// Bad arguments: every call gets -1 and goes on, every touch of a forbidden address kills the one
// who touched.
#include "lib.h"

const char program[] = "c-bad";

static const address forbidden[] = {
    0x80000000, 0x3fffffe000, 0x3ffffff000, 0x4000000000, 0x7fffffffffffffff,
    0xffffffc080200000, 0xffffffffffffffff,
};

enum { COUNT = sizeof forbidden / sizeof *forbidden };

static void load(address at)
{
    *(volatile char *)at;
}

static void store(address at)
{
    *(volatile char *)at = 1;
}

static void jump(address at)
{
    ((void (*)(void))at)();
}

static void calls_refuse(address at)
{
    void *bad = (void *)at;
    int ends[2], fd = open("bad", O_CREATE | O_RDWR);
    check(fd >= 0);
    check(write(fd, bad, 8192) == -1);
    check(write(fd, bad, 1) == -1);
    check(write(fd, "12345678", 8) == 8);
    close(fd);
    fd = open("bad", O_RDONLY);
    check(read(fd, bad, 8) == -1);
    check(fstat(fd, bad) == -1);
    close(fd);
    check(unlink("bad") == 0);

    check(pipe(bad) == -1);
    check(pipe(ends) == 0);
    check(write(ends[1], bad, 4) == -1);
    check(write(ends[1], "pipe", 4) == 4);
    check(read(ends[0], bad, 4) == -1);
    close(ends[0]);
    close(ends[1]);

    check(open(bad, O_RDONLY) == -1);
    check(open(bad, O_CREATE | O_RDWR) == -1);
    check(unlink(bad) == -1);
    check(link(bad, "x") == -1 && link("README", bad) == -1);
    check(mkdir(bad) == -1);
    check(mknod(bad, 1, 1) == -1);
    check(chdir(bad) == -1);

    char *arguments[] = {"echo", bad, 0};
    check(exec(bad, arguments) == -1);
    check(exec("echo", bad) == -1);
    check(exec("echo", arguments) == -1);

    int pid = fork();
    check(pid >= 0);
    if (pid == 0)
        exit(0);
    check(wait(bad) == -1);
}

static void numbers_refuse(void)
{
    static char byte;
    const int bad[] = {-1, 99, 1 << 20, -0x7fffffff - 1, 0x7fffffff};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct stat stat;
        check(read(bad[i], &byte, 1) == -1);
        check(write(bad[i], &byte, 1) == -1);
        check(close(bad[i]) == -1);
        check(dup(bad[i]) == -1);
        check(fstat(bad[i], &stat) == -1);
        check(kill(bad[i]) == -1);
    }
    check(write(1, &byte, -1) == -1);
    check(read(0, &byte, -1) == -1);
    check(no_such_call() == -1);
    check(wait(0) == -1);
}

int main(void)
{
    numbers_refuse();
    for (int i = 0; i < COUNT; i++) {
        check(status_of(calls_refuse, forbidden[i]) == 0);
        check(status_of(load, forbidden[i]) == -1);
        check(status_of(store, forbidden[i]) == -1);
        check(status_of(jump, forbidden[i]) == -1);
    }
    // Address 0 is the beginning of the text: it may be read, and not written.
    check(status_of(load, 0) == 0);
    check(status_of(store, 0) == -1);
    // A system call may not write it either.
    int ends[2];
    check(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
    check(read(ends[0], (void *)0, 1) == -1);
    print("%s: OK\n", program);
    return 0;
}
