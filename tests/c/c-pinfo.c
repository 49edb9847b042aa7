// layout: two segments, entry start
// pageinfo of addresses that no program has: beyond the user half, in the kernel's, at the edges of
// every level of the tables, alone and as part of a range. Each is answered, and the kernel lives.
#include "lib.h"

const char program[] = "c-pinfo";

enum { PAGE_BITS = 12, HALF_BITS = 38, WORD_BITS = 64, UNTOUCHED = 77 };

static void refused(address page, unsigned long count)
{
    unsigned long words[2] = {UNTOUCHED, UNTOUCHED};
    check(pageinfo(0, page, count, words) == -1);
}

// Within the user half an answer may be "nothing there", but it is an answer.
static void answered(address page)
{
    unsigned long word = UNTOUCHED;
    check(pageinfo(0, page, 1, &word) == 1);
    check(word != UNTOUCHED);
}

int main()
{
    answered(0);
    for (int bit = PAGE_BITS; bit < HALF_BITS; bit++) {
        answered(1ul << bit & ~(PAGE - 1ul));
        answered((1ul << bit) - PAGE);
    }
    for (int bit = HALF_BITS; bit < WORD_BITS; bit++) {
        refused(1ul << bit, 1);
        refused(3ul << bit, 1);
        refused(-(1ul << bit), 1);
        refused(-(1ul << bit) + PAGE, 1);
    }
    for (int bit = PAGE_BITS; bit < HALF_BITS; bit++)
        refused(-(1ul << bit), 1);
    refused((1ul << HALF_BITS) - PAGE, 2);
    refused(-(address)PAGE, 2);
    refused(0xffffffc00c000000, 1);
    refused(0, -1ul);
    print("%s: OK\n", program);
    return 0;
}
