// layout: two segments, entry start
// The stack is exactly one page with nothing below it. `c-stack below` dies there itself.
#include "lib.h"

const char program[] = "c-stack";

static address stack_page(void)
{
    int here;
    address at;
    __asm__ volatile("mv %0, %1" : "=r"(at) : "r"(&here));
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
    (void)argv;
    address page = stack_page();
    if (argc > 1)
        store(page - 8);
    check(status_of(load, page) == 0);
    check(status_of(store, page) == 0);
    check(status_of(load, page - 8) == -1);
    check(status_of(store, page - 8) == -1);
    check(status_of(load, page - PAGE) == -1);
    check(status_of(load, page + PAGE) == -1);
    print("%s: OK\n", program);
    return 0;
}
