// layout: two segments, entry start
// Reads and writes of 0 bytes answer 0 at once, whatever they are
// of: nobody waits for a line, for bytes in a pipe or for an audit, and nothing is used up. Only
// who may not read or write is told so.
#include "lib.h"

const char program[] = "c-zeroread";

static char byte;

static void nothing_to_and_fro(int fd)
{
    check(read(fd, &byte, 0) == 0);
    check(write(fd, &byte, 0) == 0);
    // No byte is looked at, so it may be anywhere.
    check(read(fd, (void *)0x80000000, 0) == 0);
    check(write(fd, (void *)-1, 0) == 0);
    check(read(fd, &byte, -1) == -1);
    check(write(fd, &byte, -1) == -1);
}

static void console(void)
{
    // Opened here: standard input may be something else.
    int fd = open("console", O_RDWR);
    check(fd >= 0);
    nothing_to_and_fro(fd);
    close(fd);
}

static void pipes(void)
{
    int ends[2];
    check(pipe(ends) == 0);
    check(read(ends[0], &byte, 0) == 0);
    check(write(ends[1], &byte, 0) == 0);
    check(read(ends[1], &byte, 0) == -1);
    check(write(ends[0], &byte, 0) == -1);
    check(write(ends[1], "x", 1) == 1);
    check(read(ends[0], &byte, 0) == 0);
    close(ends[1]);
    check(read(ends[0], &byte, 1) == 1 && byte == 'x');
    check(read(ends[0], &byte, 0) == 0);
    close(ends[0]);
}

static void files(void)
{
    int fd = open("zero", O_CREATE | O_RDWR);
    check(fd >= 0);
    nothing_to_and_fro(fd);
    check(write(fd, "x", 1) == 1);
    nothing_to_and_fro(fd);
    close(fd);
    fd = open("zero", O_RDONLY);
    check(read(fd, &byte, 0) == 0);
    check(write(fd, &byte, 0) == -1);
    check(read(fd, &byte, 1) == 1);
    close(fd);
    check(unlink("zero") == 0);
    fd = open(".", O_RDONLY);
    check(fd >= 0);
    check(read(fd, &byte, 0) == 0);
    check(write(fd, &byte, 0) == -1);
    close(fd);
    check(read(fd, &byte, 0) == -1);
    check(write(fd, &byte, 0) == -1);
}

static void devices(const char *path)
{
    char line[64];
    int fd = open(path, O_RDWR);
    check(fd >= 0);
    nothing_to_and_fro(fd);
    // The line is still there.
    check(read(fd, line, sizeof line) > 0);
    close(fd);
}

int main()
{
    console();
    pipes();
    files();
    devices("/dev/failnth");
    devices("/dev/audit");
    print("%s: OK\n", program);
    return 0;
}
