// layout: two segments, entry start
// What the kernel keeps of the disk in memory costs nobody
// anything: after many directories, inodes and large files were used, exactly as many frames are
// free as before.
#include "lib.h"

const char program[] = "c-cache";

enum { DIRECTORIES = 40, FILES = 8, LARGE = 20 * BLOCK, FREE = 1, KERNEL = 5, COUNTERS };

static char buffer[LARGE];

static char *path(int directory, int file)
{
    static char text[] = "cache00/f0";
    text[5] = '0' + directory / 10;
    text[6] = '0' + directory % 10;
    text[7] = file < 0 ? 0 : '/';
    text[9] = '0' + file;
    return text;
}

static void use(int directory)
{
    check(mkdir(path(directory, -1)) == 0);
    for (int file = 0; file < FILES; file++) {
        int fd = open(path(directory, file), O_CREATE | O_RDWR);
        check(fd >= 0);
        // One of them with an indirect block.
        int size = file == 0 ? LARGE : 1;
        check(write(fd, buffer, size) == size && close(fd) == 0);
    }
}

static void use_again(int directory)
{
    struct stat stat;
    for (int file = 0; file < FILES; file++) {
        int fd = open(path(directory, file), O_RDONLY);
        check(fd >= 0 && fstat(fd, &stat) == 0);
        check(read(fd, buffer, LARGE) == (int)stat.size && close(fd) == 0);
    }
}

static void clear(int directory)
{
    for (int file = 0; file < FILES; file++)
        check(unlink(path(directory, file)) == 0);
    check(unlink(path(directory, -1)) == 0);
}

int main(void)
{
    unsigned long before[COUNTERS], after[COUNTERS];
    fill(buffer, 1, LARGE);
    path(0, 0);
    memstat(before, COUNTERS);
    for (int directory = 0; directory < DIRECTORIES; directory++)
        use(directory);
    for (int directory = 0; directory < DIRECTORIES; directory++)
        use_again(directory);
    for (int directory = 0; directory < DIRECTORIES; directory++)
        clear(directory);
    memstat(after, COUNTERS);
    print("%s: free %d then %d, kernel %d then %d\n", program, before[FREE], after[FREE], before[KERNEL],
          after[KERNEL]);
    check(after[FREE] == before[FREE] && after[KERNEL] == before[KERNEL]);
    print("%s: OK\n", program);
    return 0;
}
