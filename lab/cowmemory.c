// Memory: what fork and exit give back, and what happens when there is none.
#include "kernel/types.h"
#include "lab.h"

// Pages that are left to the kernel when a test takes the rest.
#define LEFT 60

static char *memory;
static int pages;

static void fork_and_exit(void)
{
    if (start() == 0)
        exit(0);
    join();
}

// A child that writes what it shares, and grows so far that it needs further page tables.
static void fork_and_grow(void)
{
    if (start() == 0) {
        mark(memory, 0, pages, 1);
        char *more = take(600);
        *word(more, 0) = *word(more, 599) = 1;
        exit(0);
    }
    join();
}

// Children that exit, write, grow give back all they had.
static void leak(void)
{
    pages = 16;
    memory = take(pages);
    mark(memory, 0, pages, 0);
    lose_nothing("forks whose child exits at once", 10, fork_and_exit);
    lose_nothing("forks whose child writes the shared pages, grows by 600 and exits", 4,
                 fork_and_grow);
}

static void fork_and_shrink(void)
{
    if (start() == 0) {
        sbrk(-pages / 2 * PAGE);
        take(pages / 2);
        exit(0);
    }
    mark(memory, 0, pages, 1);
    join();
}

// The parent writes first, or gives back what it shares: the old frame loses that reference.
static void release(void)
{
    pages = 40;
    memory = take(pages);
    mark(memory, 0, pages, 0);
    lose_nothing("forks after which both write or give back the shared pages", 6, fork_and_shrink);
}

static void fork_and_kill(void)
{
    struct gate gate;
    make_gate(&gate);
    int pid = start();
    if (pid == 0) {
        open_gate(&gate);
        for (long round = 0;; round++)
            mark(memory, 0, pages, round);
    }
    pass(&gate);
    kill(pid);
    wait(0);
    remove_gate(&gate);
    check("parent-changed", "a page of the parent", memory, 0, pages, 0);
}

// Children are killed while they copy pages.
static void killed(void)
{
    pages = 100;
    memory = take(pages);
    mark(memory, 0, pages, 0);
    lose_nothing("kills of a child that copies pages", 5, fork_and_kill);
}

// Takes memory until about `left` pages are left, and marks it. Returns how much it took.
static char *take_all_but(int left, int *count)
{
    *count = free_pages() - left;
    char *all = *count > 0 ? sbrk(*count * PAGE) : (char *)-1;
    if (all == (char *)-1)
        exit(0);
    mark(all, 0, *count, 5);
    return all;
}

// Forks with less and less memory.
static void fork_without_memory(void)
{
    if (start() == 0) {
        int count;
        char *all = take_all_but(40, &count);
        do {
            int pid = fork();
            if (pid == 0)
                exit(0);
            if (pid > 0)
                wait(0);
            check("parent-changed", "a page of the parent after a fork that failed", all, 0, count,
                  5);
        } while (sbrk(PAGE) != (char *)-1);
        exit(0);
    }
    join();
    check("parent-changed", "a page of the grandparent", memory, 0, pages, 0);
}

// Forks that find no memory, at each point where that may happen, leave nothing behind.
static void failfork(void)
{
    pages = 16;
    memory = take(pages);
    mark(memory, 0, pages, 0);
    lose_nothing("rounds of forks without memory", 1, fork_without_memory);
    fork_and_exit();
}

static void exec_nothing(void)
{
    static char *none[] = {"none", 0};
    static char *many[40];
    static char text[] = "too many arguments for one page";
    if (exec("/no-such-file", none) != -1)
        fail("call", "exec() of a file that is not there did not return -1");
    for (int i = 0; i < 39; i++)
        many[i] = text;
    if (exec("/cowbasic", many) != -1)
        fail("call", "exec() with 39 arguments did not return -1");
    exec("/notexec", none);
}

// Exec that fails, early and late and for lack of memory, gives back what it had built.
static void execleak(void)
{
    lose_nothing("calls of exec() that fail", 5, exec_nothing);
}

static void exec_without_memory(void)
{
    static char *arguments[] = {"cowprotect", "none", 0};
    if (start() == 0) {
        int count;
        take_all_but(30, &count);
        do {
            int pid = fork();
            if (pid == 0) {
                exec("/cowprotect", arguments);
                exit(0);
            }
            if (pid > 0)
                wait(0);
        } while (sbrk(PAGE) != (char *)-1);
        exit(0);
    }
    join();
}

static void execfull(void)
{
    lose_nothing("rounds of exec() without memory", 1, exec_without_memory);
}

static int can_share_most(void)
{
    pages = free_pages() / 5 * 3;
    memory = take(pages);
    mark(memory, 0, pages, 0);
    int pid = fork();
    if (pid == 0)
        exit(0);
    if (pid > 0)
        wait(0);
    return pid > 0;
}

// Runs a child that needs more memory than there is, beside a bystander whom that is not to hurt.
static void outgrow(void (*body)(void))
{
    struct gate gate;
    int status = 0;
    if (!can_share_most())
        fail("fork-refused", "fork() of three fifths of memory returned -1");
    make_gate(&gate);
    int bystander = start();
    if (bystander == 0) {
        settle();
        pass(&gate);
        check("child-changed", "a page of a bystander", memory, 0, pages, 0);
        exit(0);
    }
    settle();
    int before = free_pages();
    if (start() == 0) {
        body();
        exit(3);
    }
    settle();
    wait(&status);
    check("parent-changed", "a page of the parent after its child's end", memory, 0, pages, 0);
    if (status == 3)
        fail("oom-ignored", "a child wrote more pages than there are and went on");
    expect("pages-lost", "pages free after a child without memory was killed", before, free_pages());
    open_gate(&gate);
    join();
    fork_and_exit();
}

static void write_all(void)
{
    mark(memory, 0, pages, 1);
}

// A child that finds no memory for a copy is killed, and nobody else is.
static void oom(void)
{
    outgrow(write_all);
}

static void receive_all(void)
{
    struct gate gate;
    make_gate(&gate);
    for (int page = 0; page < pages; page++) {
        open_gate(&gate);
        if (read(gate.ends[0], (char *)word(memory, page), 1) != 1)
            exit(4);
    }
}

// The same where the kernel writes for the child: read() fails, or the child is killed.
static void oomcopyout(void)
{
    outgrow(receive_all);
}

// All of a small memory is filled, forked and written again and again.
static void reuse(void)
{
    memory = take(1);
    for (int round = 0; round < 3; round++) {
        pages = free_pages() - LEFT;
        char *all = take(pages);
        mark(all, 0, pages, round);
        check("own-write-lost", "a page of all memory", all, 0, pages, round);
        sbrk(-pages * PAGE);
        fork_and_exit();
    }
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        {"leak", leak},         {"release", release},   {"kill", killed},
        {"failfork", failfork}, {"execleak", execleak}, {"execfull", execfull},
        {"oom", oom},           {"oomcopyout", oomcopyout}, {"reuse", reuse},
        {0, 0},
    };
    exit(run_tests(tests, argc, argv));
}
