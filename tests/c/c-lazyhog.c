// layout: two segments, entry start
// CHILDREN idle processes with a lazy break up to the top of the address space, then a child that
// touches more lazy memory than there is: idle address space must not slow what happens to it.
// Arguments: CHILDREN, the toucher's MiB, the longest it may take in ms.
#include "lib.h"

const char program[] = "c-lazyhog";

enum { BREAKS = 127, BREAK = 0x7ffff000, MOST = 1000 };

static int idle[MOST];

static void stay(int number)
{
    (void)number;
    for (int k = 0; k < BREAKS; k++)
        sbrk_mode(BREAK, SBRK_LAZY);
    for (;;)
        sleep(1000);
}

static void take(address length)
{
    char *from = sbrk_mode(length, SBRK_LAZY);
    check(from != (char *)-1);
    touch_pages(from, length);
}

int main(int argc, char **argv)
{
    int children = argument(argc, argv, 1, 300);
    unsigned long length = argument(argc, argv, 2, 150) << 20;
    long limit = argument(argc, argv, 3, 20000);
    check(children <= MOST);
    start_hogs(idle, children, stay);
    sleep(5);
    unsigned long begin = microseconds();
    int status = status_of(take, length);
    long took = (microseconds() - begin) / 1000;
    print("%s: %d idle, the toucher ended with %d after %d ms\n", program, (long)children, (long)status,
          took);
    end_hogs(idle, children);
    check(status == 0 || status == -1);
    check(took <= limit);
    print("%s: OK\n", program);
    return 0;
}
