// layout: two segments, entry start
// Takes and touches all the memory that it can be promised, and ends.
#include "lib.h"

const char program[] = "c-eat";

int main()
{
    unsigned long had = eat();
    print("%s: touched %d KiB\n", program, had / 1024);
    check(had > 0);
    print("%s: OK\n", program);
    return 0;
}
