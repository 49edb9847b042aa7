// layout: two segments, entry start
// Stores to a file that is mapped shared inside the heap, ends the mapping in one of the ways there
// are, and waits: the power is cut now, and the disk must have what was stored.
// Arguments: 0 to end it by munmap, 1 by sbrk, 2 by a mapping over it, 3 by exec, 4 by exit.
#include "lib.h"

const char program[] = "c-shrinkmap";

enum { UNMAP, SHRINK, MAP_OVER, EXEC, EXIT };

// One more in every letter is what is stored, so that the disk has it nowhere else.
static const char marker[] = "L@QJDQ.QD@BGDC";

static void store_and_end(address how)
{
    int fd = open("mfile", O_CREATE | O_RDWR);
    char *heap = sbrk(2 * PAGE);
    fill(heap, '.', PAGE);
    check(fd >= 0 && write(fd, heap, PAGE) == PAGE);
    char *map = mmap(heap, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    check(map == heap);
    for (int i = 0; marker[i]; i++)
        map[i] = marker[i] + 1;
    char *arguments[] = {"c-shrinkmap", "0", "again", 0};
    switch (how) {
    case UNMAP:
        check(munmap(map, PAGE) == 0);
        break;
    case SHRINK:
        check(sbrk(-2 * PAGE) != (char *)-1);
        break;
    case MAP_OVER:
        check(mmap(heap, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == heap);
        break;
    case EXEC:
        exec("c-shrinkmap", arguments);
        check(!"exec came back");
    }
}

int main(int argc, char **argv)
{
    if (argc > 2)
        exit(0);
    int how = argument(argc, argv, 1, UNMAP);
    // A child, so that the ways that end a program leave somebody to say so. It waits for the cut,
    // too.
    if (how == EXEC || how == EXIT)
        check(status_of(store_and_end, how) == 0);
    else
        store_and_end(how);
    print("%s: ended\n", program);
    for (;;)
        sleep(100);
}
