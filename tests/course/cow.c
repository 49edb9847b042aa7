// Fork of a process that has most of a 128 MiB machine: it cannot be copied, only shared. Parent
// and child write to what they share, and neither sees the other's bytes.
#include "user.h"

enum { PAGES = 20 * 1024, WRITTEN = 400 };

static unsigned long *word(char *memory, int page)
{
    return (unsigned long *)(memory + (unsigned long)page * PAGE);
}

static void expect(char *memory, int first, int end, unsigned long added, const char *who)
{
    for (int page = first; page < end; page++)
        if (*word(memory, page) != page + added) {
            printf("cow: page %d of the %s is wrong: %lu\n", page, who, *word(memory, page));
            exit(1);
        }
}

static void add(char *memory, int first, int end, unsigned long added)
{
    for (int page = first; page < end; page++)
        *word(memory, page) = page + added;
}

int main(void)
{
    int status = -1, ends[2];
    char byte;
    char *memory = sbrk(PAGES * PAGE);
    if (memory == (char *)-1 || pipe(ends) < 0) {
        printf("cow: no memory\n");
        exit(1);
    }
    add(memory, 0, PAGES, 0);
    int child = fork();
    if (child < 0) {
        printf("cow: fork failed\n");
        exit(1);
    }
    if (child == 0) {
        add(memory, 0, WRITTEN, 1000000);
        // The kernel writes, too, where only the parent's page was.
        if (read(ends[0], memory + WRITTEN * PAGE, 1) != 1)
            exit(1);
        expect(memory, WRITTEN + 1, PAGES, 0, "child");
        expect(memory, 0, WRITTEN, 1000000, "child");
        exit(0);
    }
    add(memory, WRITTEN / 2, WRITTEN, 2000000);
    byte = 'x';
    write(ends[1], &byte, 1);
    wait(&status);
    expect(memory, 0, WRITTEN / 2, 0, "parent");
    expect(memory, WRITTEN / 2, WRITTEN, 2000000, "parent");
    expect(memory, WRITTEN, PAGES, 0, "parent");
    if (status != 0 || sbrk(-PAGES * PAGE) != memory + PAGES * PAGE) {
        printf("cow: failed with %d\n", status);
        exit(1);
    }
    printf("cow: OK\n");
    END(0);
}
