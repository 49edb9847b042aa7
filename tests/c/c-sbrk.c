// layout: two segments, entry start
// The break: one-argument and two-argument sbrk, growing, shrinking, refusing.
#include "lib.h"

const char program[] = "c-sbrk";

enum { PAGES = 64 };

static int all_zero(const char *from, unsigned long count)
{
    while (count > 0 && *from == 0)
        from++, count--;
    return count == 0;
}

static void touch(address at)
{
    *(volatile char *)at = 1;
}

static void grow_and_shrink(char *(*grow)(int))
{
    char *base = grow(0);
    check(grow(PAGES * PAGE) == base);
    check(grow(0) == base + PAGES * PAGE);
    check(all_zero(base, PAGES * PAGE));
    fill(base, 0x5a, PAGES * PAGE);
    check(base[0] == 0x5a && base[PAGES * PAGE - 1] == 0x5a);

    // What was given up is gone, and comes back as zeros.
    check(grow(-PAGES * PAGE) == base + PAGES * PAGE);
    check(grow(0) == base);
    check(grow(PAGES * PAGE) == base);
    check(all_zero(base, PAGES * PAGE));
    check(grow(-PAGES * PAGE) == base + PAGES * PAGE);

    // Sizes that are no pages: the break is exact to the byte, memory to the page.
    check(grow(10) == base);
    check(grow(0) == base + 10);
    base[9] = 1;
    check(grow(-10) == base + 10);
    check(status_of(touch, ((address)base + PAGE - 1) / PAGE * PAGE + PAGE) == -1);
}

static char *grow_eagerly(int increment)
{
    return sbrk_mode(increment, SBRK_EAGER);
}

static char *grow_lazily(int increment)
{
    return sbrk_mode(increment, SBRK_LAZY);
}

static void shrink_to_nothing(address unused)
{
    (void)unused;
    address size = (address)sbrk(0);
    sbrk(-(int)size);
    // The next instruction is not there any more.
    exit(0);
}

static void run_out(address unused)
{
    (void)unused;
    char *base = sbrk_mode(0x7ffff000, SBRK_LAZY);
    if (base == (char *)-1)
        exit(3);
    for (address at = 0; at < 0x7ffff000; at += PAGE)
        base[at] = 1;
    exit(0);
}

int main(void)
{
    grow_and_shrink(sbrk);
    grow_and_shrink(grow_eagerly);
    grow_and_shrink(grow_lazily);

    // Promising more than there is fails at once; below zero nothing changes.
    char *base = sbrk(0);
    check(sbrk(0x7fffffff) == (char *)-1);
    check(sbrk(0) == base);
    check(sbrk(-0x7fffffff) == base);
    check(sbrk(0) == base);

    // A lazy reservation may exceed memory; the one who touches too much of it dies alone.
    check(status_of(run_out, 0) == -1);
    check(status_of(shrink_to_nothing, 0) == -1);
    check(sbrk(0) == base);
    print("%s: OK\n", program);
    return 0;
}
