// What the programs of this folder share: words about a test, children, gates, memory.
//
// A program gets the name of a test and a nonce, and ends with a line of verdict (verdict.h).
// Without a nonce the line is for a person. Without a name all tests run.
//
// Only the calls of xv6 are used, and they are used as its own programs do: a stack of one page, a
// heap above it. A program is one source file and this header.
#pragma once

#include "kernel/types.h"
#include "user/user.h"
#include "verdict.h"

#define PAGE 4096

struct test {
    const char *name;
    void (*run)(void);
};

// One byte in the pipe is the right to go on.
struct gate {
    int ends[2];
};

static const char *test_name;
static const char *nonce;
// Whoever prints a verdict holds this, so that lines do not mix.
static struct gate printing;

HELPER void pass(struct gate *gate)
{
    char byte;
    read(gate->ends[0], &byte, 1);
}

HELPER void open_gate(struct gate *gate)
{
    write(gate->ends[1], "x", 1);
}

// Prints a line in one piece.
HELPER void print_line(const char *about, const char *words)
{
    char line[LINE];
    int length = verdict_line(line, nonce, about, words);
    pass(&printing);
    write(1, line, length);
    open_gate(&printing);
}

HELPER void say(const char *verdict, const char *symptom, const char *words)
{
    char about[80];
    int at = add(about, 0, test_name);
    at = add(about, add(about, at, " "), verdict);
    at = add(about, add(about, at, " "), symptom);
    about[at] = 0;
    print_line(about, words);
}

// Ends the process after saying what is wrong.
HELPER __attribute__((noreturn)) void fail(const char *symptom, const char *words)
{
    say("failed", symptom, words);
    exit(1);
}

// The same, with what should have been and what was.
HELPER void expect(const char *symptom, const char *what, long expected, long seen)
{
    char words[LINE / 2];
    if (expected == seen)
        return;
    int at = add(words, 0, what);
    at = add_number(words, add(words, at, ": expected "), expected);
    at = add_number(words, add(words, at, ", saw "), seen);
    words[at] = 0;
    fail(symptom, words);
}

HELPER void make_gate(struct gate *gate)
{
    if (pipe(gate->ends) < 0)
        fail("call", "pipe() returned -1");
}

HELPER void remove_gate(struct gate *gate)
{
    close(gate->ends[0]);
    close(gate->ends[1]);
}

// Forks; it must succeed. Returns as fork does.
HELPER int start(void)
{
    int pid = fork();
    if (pid < 0)
        fail("fork-refused", "fork() returned -1 although there is memory for a copy-on-write child");
    return pid;
}

// Waits for a child that must end with 0. A child that fails has said why.
HELPER void join(void)
{
    int status = 77;
    if (wait(&status) < 0)
        fail("call", "wait() returned -1 although there is a child");
    expect("child-died", "status of a child", 0, status);
}

// Writes the pages of this process that are always written, so that they are its own before
// memory gets short.
HELPER void settle(void)
{
    static volatile int data = 1;
    volatile int stack = data;
    data = stack;
}

HELPER char *take(int pages)
{
    char *memory = sbrk(pages * PAGE);
    if (memory == (char *)-1)
        fail("call", "sbrk() returned -1 although there is memory");
    return memory;
}

// A word of a page.
static inline volatile long *word(char *memory, int page)
{
    return (volatile long *)(memory + (long)page * PAGE);
}

HELPER void mark(char *memory, int first, int end, long writer)
{
    for (int page = first; page < end; page++)
        *word(memory, page) = writer + page;
}

HELPER void check(const char *symptom, const char *who, char *memory, int first, int end,
                         long writer)
{
    for (int page = first; page < end; page++)
        expect(symptom, who, writer + page, *word(memory, page));
}

// The number of free pages: what a child can get until it is refused.
HELPER int free_pages(void)
{
    struct gate go, got;
    char some[32];
    int pages = 0, count;
    make_gate(&go);
    make_gate(&got);
    if (start() == 0) {
        close(got.ends[0]);
        pass(&go);
        for (;;) {
            char *page = sbrk(PAGE);
            if (page == (char *)-1)
                exit(0);
            *page = 1;
            open_gate(&got);
        }
    }
    settle();
    close(got.ends[1]);
    open_gate(&go);
    while ((count = read(got.ends[0], some, sizeof some)) > 0)
        pages += count;
    wait(0);
    remove_gate(&go);
    close(got.ends[0]);
    return pages;
}

// Demands that `times` rounds of something lose no page. The first round may keep a few.
HELPER void lose_nothing(const char *what, int times, void (*round)(void))
{
    enum { KEPT = 8 };
    char words[LINE / 2];
    int first = free_pages();
    round();
    int before = free_pages();
    int lost = first - before;
    if (lost <= KEPT) {
        for (int i = 0; i < times; i++)
            round();
        lost = before - free_pages();
    } else {
        times = 1;
    }
    if (lost <= 0)
        return;
    int at = add_number(words, 0, lost);
    at = add_number(words, add(words, at, " pages lost in "), times);
    at = add(words, add(words, at, " "), what);
    words[at] = 0;
    fail("pages-lost", words);
}

HELPER int run(const struct test *test)
{
    int status = 0;
    test_name = test->name;
    if (!nonce && fork() > 0) {
        wait(&status);
        return status;
    }
    test->run();
    say("ok", "-", "");
    exit(0);
}

HELPER int run_tests(const struct test *tests, int argc, char **argv)
{
    int failed = 0;
    nonce = argc > 2 ? argv[2] : 0;
    if (pipe(printing.ends) < 0)
        exit(1);
    open_gate(&printing);
    for (const struct test *test = tests; test->name; test++)
        if (argc < 2 || strcmp(argv[1], test->name) == 0)
            failed |= run(test);
    return failed;
}
