// layout: one segment, entry main
// Computes for ever and never calls the kernel: only the timer can take the hart away.
#include "lib.h"

const char program[] = "c-spin";

int main(void)
{
    for (volatile long i = 0;; i++)
        ;
}
