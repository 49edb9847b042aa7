// What each process finds in its memory after forks and writes, its own and the kernel's.
#include "kernel/types.h"
#include "kernel/stat.h"
#include "lab.h"

// A process of two thirds of free memory forks, twice. Only sharing makes that possible.
static void simple(void)
{
    int pages = free_pages() / 3 * 2;
    char *memory = take(pages);
    mark(memory, 0, pages, 0);
    for (int round = 0; round < 2; round++) {
        if (start() == 0)
            exit(0);
        join();
        check("parent-changed", "a page of the parent", memory, 0, pages, 0);
    }
}

// Three related processes write parts of what they share that overlap.
static void three(void)
{
    enum { PAGES = 60, PARENT = 1 << 20, CHILD = 2 << 20, GRANDCHILD = 3 << 20 };
    char *memory = take(PAGES);
    for (int round = 0; round < 3; round++) {
        mark(memory, 0, PAGES, 0);
        if (start() == 0) {
            if (start() == 0) {
                mark(memory, 0, PAGES / 5 * 4, GRANDCHILD);
                check("own-write-lost", "a page that the grandchild wrote", memory, 0,
                      PAGES / 5 * 4, GRANDCHILD);
                check("child-changed", "a page that the grandchild did not write", memory,
                      PAGES / 5 * 4, PAGES, 0);
                exit(0);
            }
            mark(memory, PAGES / 2, PAGES, CHILD);
            check("own-write-lost", "a page that the child wrote", memory, PAGES / 2, PAGES, CHILD);
            check("child-changed", "a page that the child did not write", memory, 0, PAGES / 2, 0);
            join();
            check("parent-changed", "a page that the child wrote, after its own child's writes",
                  memory, PAGES / 2, PAGES, CHILD);
            exit(0);
        }
        mark(memory, 0, PAGES, PARENT);
        check("own-write-lost", "a page that the parent wrote", memory, 0, PAGES, PARENT);
        join();
        check("parent-changed", "a page that the parent wrote, after its child's writes", memory, 0,
              PAGES, PARENT);
    }
}

// A page is written a moment before fork and a moment after it: the second write must not reach
// the child.
static void stale(void)
{
    enum { PAGES = 8 };
    struct gate gate;
    char *memory = take(PAGES);
    make_gate(&gate);
    for (int round = 0; round < 20; round++) {
        mark(memory, 0, PAGES, 0);
        int pid = fork();
        if (pid == 0) {
            pass(&gate);
            check("child-changed", "a page of the child, after the parent's write", memory, 0, PAGES,
                  0);
            exit(0);
        }
        mark(memory, 0, PAGES, 1000);
        open_gate(&gate);
        if (pid < 0)
            fail("fork-refused", "fork() returned -1");
        join();
        check("parent-changed", "a page of the parent", memory, 0, PAGES, 1000);
    }
}

// Sends one byte through a pipe to an address of this process.
static void receive(char *to, char byte)
{
    struct gate gate;
    make_gate(&gate);
    write(gate.ends[1], &byte, 1);
    expect("kernel-write-refused", "bytes that read() put into a shared page", 1,
           read(gate.ends[0], to, 1));
    remove_gate(&gate);
}

// What the kernel writes for a child by read() reaches the child's page and no other's.
static void file(void)
{
    char *memory = take(1);
    memory[0] = memory[1] = 'p';
    for (char byte = 'a'; byte < 'e'; byte++) {
        if (start() == 0) {
            receive(memory, byte);
            expect("kernel-write-lost", "the byte that the child read", byte, memory[0]);
            expect("child-changed", "the byte beside it", 'p', memory[1]);
            exit(0);
        }
        join();
        expect("kernel-wrote-parent", "the parent's byte after its child's read()", 'p', memory[0]);
    }
    // The same for the parent, with a child that looks on.
    struct gate gate;
    make_gate(&gate);
    if (start() == 0) {
        pass(&gate);
        expect("kernel-wrote-child", "the child's byte after its parent's read()", 'p', memory[0]);
        exit(0);
    }
    receive(memory, 'q');
    open_gate(&gate);
    join();
}

// wait(), pipe() and fstat() write through a shared page, too.
static void results(void)
{
    char *memory = take(3);
    int *status = (int *)memory;
    int *ends = (int *)(memory + PAGE);
    struct stat *about = (struct stat *)(memory + 2 * PAGE);
    struct gate gate;
    *status = ends[0] = ends[1] = about->type = -5;
    make_gate(&gate);
    if (start() == 0) {
        pass(&gate);
        expect("kernel-wrote-child", "the child's word after its parent's pipe()", -5, ends[0]);
        expect("kernel-wrote-child", "the child's word after its parent's fstat()", -5, about->type);
        expect("kernel-wrote-child", "the child's word after its parent's wait()", -5, *status);
        exit(0);
    }
    if (start() == 0)
        exit(7);
    wait(status);
    expect("kernel-write-lost", "the status that wait() put into a shared page", 7, *status);
    if (pipe(ends) < 0)
        fail("kernel-write-refused", "pipe() cannot write into a shared page");
    if (fstat(0, about) < 0)
        fail("kernel-write-refused", "fstat() cannot write into a shared page");
    open_gate(&gate);
    join();
}

// A page that is shared is forked again, and each of three generations writes it.
static void grandchild(void)
{
    volatile long *page = word(take(1), 0);
    *page = 1;
    if (start() == 0) {
        if (start() == 0) {
            expect("child-changed", "the grandchild's first look", 1, *page);
            *page = 3;
            expect("own-write-lost", "the grandchild's word", 3, *page);
            exit(0);
        }
        join();
        expect("parent-changed", "the child's word after the grandchild's write", 1, *page);
        *page = 2;
        if (start() == 0) {
            expect("child-changed", "the second grandchild's first look", 2, *page);
            *page = 4;
            exit(0);
        }
        join();
        expect("parent-changed", "the child's word", 2, *page);
        exit(0);
    }
    join();
    expect("parent-changed", "the parent's word", 1, *page);
    *page = 6;
    expect("own-write-lost", "the parent's word", 6, *page);
}

// Memory that is given back and asked for again is zero, and the sharers keep theirs.
static void regrow(void)
{
    enum { PAGES = 16 };
    char *memory = take(PAGES);
    struct gate gate;
    make_gate(&gate);
    mark(memory, 0, PAGES, 7);
    if (start() == 0) {
        sbrk(-PAGES * PAGE);
        take(PAGES);
        for (int page = 0; page < PAGES; page++)
            expect("not-zero", "a page that was given back and taken again", 0, *word(memory, page));
        open_gate(&gate);
        exit(0);
    }
    pass(&gate);
    check("parent-changed", "a page of the parent after its child's sbrk()", memory, 0, PAGES, 7);
    join();
}

// The kernel writes across the boundary of two shared pages.
static void unaligned(void)
{
    char *memory = take(2);
    struct gate gate;
    memset(memory, 'p', 2 * PAGE);
    make_gate(&gate);
    if (start() == 0) {
        write(gate.ends[1], "across", 6);
        expect("kernel-write-refused", "bytes that read() put across two shared pages", 6,
               read(gate.ends[0], memory + PAGE - 3, 6));
        for (int i = 0; i < 6; i++)
            expect("kernel-write-lost", "a byte across two pages", "across"[i],
                   memory[PAGE - 3 + i]);
        expect("child-changed", "the byte before them", 'p', memory[PAGE - 4]);
        expect("child-changed", "the byte after them", 'p', memory[PAGE + 3]);
        exit(0);
    }
    join();
    for (int i = -4; i < 4; i++)
        expect("kernel-wrote-parent", "the parent's byte after its child's read()", 'p',
               memory[PAGE + i]);
}

// Thirty rounds of families of three that fork twice each.
static void forkfork(void)
{
    enum { PAGES = 16 };
    char *memory = take(PAGES);
    mark(memory, 0, PAGES, 0);
    for (int round = 0; round < 30; round++) {
        for (int child = 0; child < 3; child++)
            if (start() == 0) {
                for (int i = 0; i < 2; i++)
                    if (start() == 0) {
                        check("child-changed", "a page of a grandchild", memory, 0, PAGES, 0);
                        exit(0);
                    }
                mark(memory, 0, PAGES / 2, 1000 * getpid());
                join();
                join();
                exit(0);
            }
        for (int child = 0; child < 3; child++)
            join();
        check("parent-changed", "a page of the parent", memory, 0, PAGES, 0);
    }
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        {"simple", simple}, {"three", three},           {"stale", stale},
        {"file", file},     {"results", results},       {"grandchild", grandchild},
        {"regrow", regrow}, {"unaligned", unaligned},   {"forkfork", forkfork},
        {0, 0},
    };
    exit(run_tests(tests, argc, argv));
}
