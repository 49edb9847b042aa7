// The library's heap: blocks do not overlap and keep what is written, and a program that frees all
// gets large blocks again, even where there is no memory besides.
#include "kernel/types.h"
#include "user/user.h"

enum { BLOCKS = 100 };

static void fail(const char *what)
{
    printf("l-heap: %s\n", what);
    exit(1);
}

// Takes all memory in blocks, gives it back from the last to the first, and asks for more than two
// blocks at once. The blocks are a list: each begins with the address of the one before.
static void use_all(void)
{
    enum { SIZE = 10001 };
    char **last = 0;
    int blocks = 0;
    for (char **block; (block = malloc(SIZE)); last = block, blocks++)
        *block = (char *)last;
    if (blocks < 100)
        fail("too few blocks");
    while (last) {
        char **before = (char **)*last;
        free(last);
        last = before;
    }
    if (!malloc(2 * SIZE + 1000))
        fail("free blocks were not joined");
}

int main(void)
{
    char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(i * 37 + 1);
        if (!blocks[i] || (uint64)blocks[i] % 16)
            fail("no block, or not aligned");
        memset(blocks[i], i, i * 37 + 1);
    }
    for (int i = 0; i < BLOCKS; i += 2)
        free(blocks[i]);
    for (int i = 0; i < BLOCKS; i += 2) {
        blocks[i] = malloc(i * 37 + 1);
        memset(blocks[i], i, i * 37 + 1);
    }
    for (int i = 0; i < BLOCKS; i++)
        for (int j = 0; j < i * 37 + 1; j++)
            if (blocks[i][j] != i)
                fail("blocks overlap");
    free(0);
    if (malloc(0xffffffff))
        fail("four gigabytes were given");
    int status;
    if (fork() == 0) {
        use_all();
        exit(0);
    }
    wait(&status);
    if (status != 0)
        exit(1);
    printf("l-heap: OK\n");
    exit(0);
}
