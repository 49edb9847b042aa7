// only: 2025
// Reserves a gibibyte and uses every 64th page of it.
#include "user.h"

enum { SIZE = 1 << 30, STEP = 64 * PAGE };

int main(void)
{
    char *memory = sys_sbrk(SIZE, SBRK_LAZY);
    if (memory == (char *)-1) {
        printf("lazy: refused\n");
        exit(1);
    }
    for (long at = 0; at < SIZE; at += STEP)
        *(long *)(memory + at) = at;
    for (long at = 0; at < SIZE; at += STEP)
        if (*(long *)(memory + at) != at) {
            printf("lazy: wrong at %p\n", memory + at);
            exit(1);
        }
    if (sys_sbrk(SIZE, SBRK_EAGER) != (char *)-1) {
        printf("lazy: a promise of a gibibyte\n");
        exit(1);
    }
    printf("lazy: OK\n");
    END(0);
}
