// layout: two segments, entry start
// HOGS processes store to all pages of FILES files that are
// mapped shared, in a loop, so that the cache is full of dirty pages. What a victim is promised
// meanwhile must be there when it touches it. Arguments: FILES, the victim's MiB, HOGS, victims,
// the longest one may take in ms.
#include "lib.h"

const char program[] = "c-dirtyhog";

// The last is generous: a few rounds of reclaim, of eight writes to a file each, on a busy host.
enum { FILE_PAGES = 67, MOST = 99, HOGS = 8, PAGE_MOST_MS = 3000 };

static char *maps[MOST];
static char page[PAGE];
static int files;

static void map_files(void)
{
    for (int file = 0; file < files; file++) {
        char name[] = {'d', '0' + file / 10, '0' + file % 10, 0};
        int fd = open(name, O_CREATE | O_RDWR);
        check(fd >= 0);
        for (int at = 0; at < FILE_PAGES; at++)
            check(write(fd, page, PAGE) == PAGE);
        maps[file] = mmap(0, FILE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        check(maps[file] != (char *)-1);
        close(fd);
    }
}

static void keep_dirty(int hog)
{
    for (unsigned long round = 0;; round++)
        for (int file = 0; file < files; file++)
            for (int at = 0; at < FILE_PAGES; at++)
                ((volatile unsigned long *)(maps[file] + at * PAGE))[hog] = round;
}

static void victim(address length)
{
    char *from = sbrk_mode(length, SBRK_EAGER);
    check(from != (char *)-1);
    long longest = 0;
    for (unsigned long at = 0; at < length; at += PAGE) {
        unsigned long begin = microseconds();
        touch_pages(from + at, PAGE);
        long took = (microseconds() - begin) / 1000;
        longest = took > longest ? took : longest;
    }
    print("%s: the longest wait for one page was %d ms\n", program, longest);
    check(longest <= PAGE_MOST_MS);
}

int main(int argc, char **argv)
{
    int pids[HOGS], hogs = argument(argc, argv, 3, 3);
    unsigned long length = argument(argc, argv, 2, 10) << 20;
    int victims = argument(argc, argv, 4, 4);
    long limit = argument(argc, argv, 5, 10000), longest = 0;
    files = argument(argc, argv, 1, 50);
    check(files <= MOST && hogs <= HOGS);
    map_files();
    start_hogs(pids, hogs, keep_dirty);
    sleep(5);
    for (int round = 0; round < victims; round++) {
        unsigned long begin = microseconds();
        check(status_of(victim, length) == 0);
        long took = (microseconds() - begin) / 1000;
        longest = took > longest ? took : longest;
    }
    print("%s: %d victims, the slowest took %d ms\n", program, (long)victims, longest);
    end_hogs(pids, hogs);
    check(longest <= limit);
    print("%s: OK\n", program);
    return 0;
}
