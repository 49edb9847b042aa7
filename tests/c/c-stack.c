// layout: two segments, entry start
// `c-stack PAGES`: the stack is so many pages, one if nothing is said, with two pages below it that
// are nobody's. `c-stack below` dies there itself.
#include "lib.h"

const char program[] = "c-stack";

enum { GUARD = 2 };

static address stack_page(void)
{
    int here;
    address at;
    __asm__ volatile("" : "=r"(at) : "0"(&here));
    return at & -(address)PAGE;
}

static void load(address at)
{
    *(volatile char *)at;
}

static void store(address at)
{
    *(volatile char *)at = 1;
}

int main(int argc, char **argv)
{
    long pages = argument(argc, argv, 1, 1);
    address first = stack_page() - (pages - 1) * PAGE;
    if (pages == 0)
        store(stack_page() - 8);
    for (int page = 0; page < pages; page++) {
        check(status_of(load, first + page * PAGE) == 0);
        check(status_of(store, first + page * PAGE) == 0);
    }
    for (int page = 1; page <= GUARD; page++) {
        check(status_of(load, first - page * PAGE) == -1);
        check(status_of(store, first - page * PAGE + PAGE - 8) == -1);
    }
    check(status_of(load, first + pages * PAGE) == -1);
    print("%s: %d: OK\n", program, pages);
    return 0;
}
