// Many processes, one memory: what sharing costs, and counts of sharers.
#include "kernel/types.h"
#include "lab.h"

static char *memory;
static int pages;

// A fork of 300 pages takes few; reading takes none; writing takes one for each page written.
static void cost(void)
{
    enum { SLACK = 24 };
    struct gate go, done;
    pages = 300;
    memory = take(pages);
    mark(memory, 0, pages, 0);
    make_gate(&go);
    make_gate(&done);
    int before = free_pages();
    if (start() == 0) {
        pass(&go);
        check("child-changed", "a page that the child reads", memory, 0, pages, 0);
        open_gate(&done);
        pass(&go);
        mark(memory, 0, 100, 1);
        open_gate(&done);
        pass(&go);
        exit(0);
    }
    int used = before - free_pages();
    if (used > pages / 3)
        expect("fork-copies", "pages that a fork of 300 pages takes, at most", pages / 3, used);
    open_gate(&go);
    pass(&done);
    int read_used = before - free_pages() - used;
    if (read_used > SLACK)
        expect("read-copies", "pages that reading 300 shared pages takes", 0, read_used);
    open_gate(&go);
    pass(&done);
    int written = before - free_pages() - used - read_used;
    if (written < 100 - SLACK || written > 100 + SLACK)
        expect("write-cost", "pages that writing 100 shared pages takes", 100, written);
    open_gate(&go);
    join();
}

// The last sharer writes all pages; then nothing is lost.
static void last_owner(void)
{
    if (start() == 0) {
        mark(memory, 0, pages, 1);
        exit(0);
    }
    join();
    mark(memory, 0, pages, 0);
}

static void owner(void)
{
    pages = 64;
    memory = take(pages);
    mark(memory, 0, pages, 0);
    lose_nothing("forks after which the last owner writes", 6, last_owner);
}

// Pages that a process of no size takes: tables, stacks, what it writes, the kernel's own.
#define PROCESS 6
// Pages for all that is not counted.
#define SPARE 100
// More than a count of 8 bits tells.
#define MANY 300

static int most;

// Forks until the kernel refuses, at most `most` times. All children share a page, look at it,
// wait for all others and look again.
static int share(void)
{
    struct gate arrived, leave;
    int children = 0;
    make_gate(&arrived);
    make_gate(&leave);
    while (children < most) {
        int pid = fork();
        if (pid < 0)
            break;
        if (pid == 0) {
            settle();
            check("child-changed", "a page of one of many sharers", memory, 0, pages, 0);
            open_gate(&arrived);
            pass(&leave);
            check("child-changed", "a page of one of many sharers", memory, 0, pages, 0);
            // A copy for a few of them; there is no memory for all.
            if (children % 8 == 0)
                mark(memory, 0, 1, getpid());
            exit(0);
        }
        children++;
    }
    for (int i = 0; i < children; i++)
        pass(&arrived);
    for (int i = 0; i < children; i++)
        open_gate(&leave);
    for (int i = 0; i < children; i++)
        join();
    remove_gate(&arrived);
    remove_gate(&leave);
    check("parent-changed", "a page of the first of many sharers", memory, 0, pages, 0);
    return children;
}

static void prepare_to_share(void)
{
    pages = 2;
    memory = take(pages);
    mark(memory, 0, pages, 0);
    most = (free_pages() - SPARE) / PROCESS;
    if (most > MANY)
        most = MANY;
}

static void share_widely(void)
{
    share();
}

// As many processes as there can be share a page; 300 where the kernel has that many, which is
// more than a count of 8 bits tells.
static void sharers(void)
{
    prepare_to_share();
    lose_nothing("rounds of as many sharers as there can be", 1, share_widely);
}

static void descend(int generation)
{
    if (generation == 20)
        return;
    *word(memory, generation) = 100 + generation;
    if (start() == 0) {
        descend(generation + 1);
        exit(0);
    }
    join();
    for (int page = 0; page < pages; page++)
        expect(page <= generation ? "own-write-lost" : "parent-changed",
               "a page after the descendants' writes", page <= generation ? 100 + page : page,
               *word(memory, page));
}

static void whole_line(void)
{
    mark(memory, 0, pages, 0);
    descend(0);
}

// Twenty nested forks, all alive at once, each of which writes a page of its own.
static void deep(void)
{
    pages = 30;
    memory = take(pages);
    mark(memory, 0, pages, 0);
    whole_line();
    lose_nothing("lines of twenty nested forks", 1, whole_line);
}

// Pages of an ancestor pass through generations whose parents have gone.
static void orphans(void)
{
    struct gate done;
    pages = 8;
    memory = take(pages);
    mark(memory, 0, pages, 0);
    make_gate(&done);
    if (start() == 0) {
        for (int generation = 0; generation < 30; generation++) {
            if (start() > 0)
                exit(0);
            *word(memory, 7) = 7 + generation;
            check("child-changed", "a page of a descendant", memory, 0, 7, 0);
        }
        open_gate(&done);
        exit(0);
    }
    pass(&done);
    join();
    check("parent-changed", "a page of the ancestor", memory, 0, pages, 0);
}

static void storm(void)
{
    enum { FAMILIES = 4, FORKS = 24 };
    for (int family = 0; family < FAMILIES; family++)
        if (start() == 0) {
            for (int i = 0; i < FORKS; i++) {
                int pid = fork();
                if (pid == 0) {
                    if (i % 2)
                        mark(memory, 0, pages, 1000 * getpid());
                    exit(0);
                }
                if (i % 3 == 0)
                    mark(memory, 0, pages, 0);
                if (pid > 0)
                    join();
                check("child-changed", "a page that others share on another hart", memory, 0, pages,
                      0);
            }
            exit(0);
        }
    for (int family = 0; family < FAMILIES; family++)
        join();
    check("parent-changed", "a page of the parent", memory, 0, pages, 0);
}

// A count that is too high shows only when the last owner of the frame has ended.
static void storm_and_end(void)
{
    if (start() == 0) {
        memory = take(pages);
        mark(memory, 0, pages, 0);
        storm();
        exit(0);
    }
    join();
}

// Four families fork, write and drop the same pages at once: each count changes on all harts.
static void race(void)
{
    pages = 8;
    lose_nothing("rounds of four families that fork, write and exit at once", 2, storm_and_end);
}

// How many processes there can be, for a person.
static void processes(void)
{
    char words[LINE / 2];
    prepare_to_share();
    int at = add_number(words, 0, share() + 1);
    words[at] = 0;
    say("note", "processes", words);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        {"cost", cost},       {"owner", owner}, {"sharers", sharers},     {"deep", deep},
        {"orphans", orphans}, {"race", race},   {"processes", processes}, {0, 0},
    };
    exit(run_tests(tests, argc, argv));
}
