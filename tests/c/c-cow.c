// layout: one segment, entry main
// Memory after fork: equal at first, apart afterwards, whoever writes: a program, the kernel on its
// behalf, text and data in one writable segment included.
#include "lib.h"

const char program[] = "c-cow";

enum { SIZE = 1 << 20, CHILDREN = 4 };

static char in_image[3 * PAGE] = {1};
static char *heap;

static int holds(const char *from, int byte, unsigned long count)
{
    while (count > 0 && *from == byte)
        from++, count--;
    return count == 0;
}

static void write_all(address number)
{
    check(holds(heap, 'p', SIZE));
    for (int round = 0; round < 3; round++) {
        fill(heap, number, SIZE);
        fill(in_image, number, sizeof in_image);
        check(holds(heap, number, SIZE));
        check(holds(in_image, number, sizeof in_image));
    }
}

// The kernel writes: what a pipe brings lands in a page that is still shared.
static void read_pipe(address fd)
{
    check(holds(heap, 'p', SIZE));
    check(read(fd, heap + PAGE - 2, 4) == 4);
    check(same(heap + PAGE - 2, "pipe", 4));
    check(holds(heap, 'p', PAGE - 2));
    check(heap[PAGE + 2] == 'p');
}

// The kernel writes: a status lands in a shared page.
static void wait_into_heap(address unused)
{
    (void)unused;
    int *status = (int *)(heap + 4 * PAGE);
    int pid = fork();
    check(pid >= 0);
    if (pid == 0)
        exit(77);
    check(wait(status) == pid);
    check(*status == 77);
}

// A generation below: the grandchild writes before its parent does.
static void nest(address depth)
{
    check(holds(heap, 'p', SIZE));
    if (depth > 0)
        check(status_of(nest, depth - 1) == 0);
    fill(heap, '0' + depth, SIZE);
    check(holds(heap, '0' + depth, SIZE));
}

int main(void)
{
    int ends[2];
    heap = sbrk(SIZE);
    check(heap != (char *)-1);
    fill(heap, 'p', SIZE);

    for (int child = 0; child < CHILDREN; child++) {
        int pid = fork();
        check(pid >= 0);
        if (pid == 0) {
            write_all('a' + child);
            exit(0);
        }
    }
    for (int child = 0; child < CHILDREN; child++) {
        int status;
        check(wait(&status) > 0);
        check(status == 0);
    }
    check(holds(heap, 'p', SIZE));
    check(in_image[0] == 1 && holds(in_image + 1, 0, sizeof in_image - 1));

    check(pipe(ends) == 0);
    check(write(ends[1], "pipe", 4) == 4);
    check(status_of(read_pipe, ends[0]) == 0);
    check(status_of(wait_into_heap, 0) == 0);
    check(status_of(nest, 6) == 0);
    check(holds(heap, 'p', SIZE));
    print("%s: OK\n", program);
    exit(0);
}
