// Rights: what may not be written before a fork may not be written after it.
#include "kernel/types.h"
#include "lab.h"

enum { STORE, LOAD, RECEIVE };

// Does one thing to an address. The process may be killed for it.
static long poke(int what, unsigned long address)
{
    struct gate gate;
    volatile char *at = (volatile char *)address;
    switch (what) {
    case STORE:
        // Not read before: a load must not meet the fault that the store is for.
        *at = 1;
        return 1;
    case LOAD:
        return 1 + (*at & 1);
    default:
        make_gate(&gate);
        open_gate(&gate);
        return read(gate.ends[0], (char *)address, 1);
    }
}

// The status of a process that has done it. A pipe gives 0 or -1 for a bad address, by the year.
static int done(long result)
{
    return result <= 0 ? 5 : 6;
}

static int killed_by(int what, unsigned long address)
{
    int status = 0;
    if (start() == 0)
        exit(done(poke(what, address)));
    wait(&status);
    return status;
}

static const char *const names[] = {"a store", "a load", "read()"};

// Demands that each way to an address ends a process, or is refused, in the process itself, its
// child and its grandchild.
static void forbid(const char *symptom, const char *where, unsigned long address, int first)
{
    char words[LINE / 2];
    for (int what = first; what <= RECEIVE; what++) {
        int status = killed_by(what, address);
        if (status == -1 || (what == RECEIVE && status == 5))
            continue;
        int at = add(words, add(words, 0, names[what]), " to ");
        at = add(words, add(words, at, where), ": expected it to be refused, saw it done");
        words[at] = 0;
        fail(symptom, words);
    }
}

static void in_generations(void (*look)(void))
{
    look();
    if (start() == 0) {
        look();
        if (start() == 0) {
            look();
            exit(0);
        }
        join();
        exit(0);
    }
    join();
}

static unsigned long stack_page(void)
{
    char here;
    return (unsigned long)&here / PAGE * PAGE;
}

static void look_at_guard(void)
{
    unsigned long guard = stack_page() - PAGE;
    forbid("guard-written", "the first byte of the guard page", guard, STORE);
    forbid("guard-written", "the last byte of the guard page", guard + PAGE - 1, STORE);
}

// The page below the stack is nobody's, whether it was shared or not.
static void guard(void)
{
    in_generations(look_at_guard);
}

static void look_outside(void)
{
    unsigned long end = (unsigned long)sbrk(0);
    forbid("unmapped-written", "the page after the break", (end + PAGE - 1) / PAGE * PAGE, STORE);
    forbid("unmapped-written", "a page far above the break", end + (1 << 24), STORE);
    forbid("unmapped-written", "the kernel's memory", 0x80000000, STORE);
    forbid("unmapped-written", "the trap frame", 0x3fffffe000, STORE);
    forbid("unmapped-written", "the trampoline", 0x3ffffff000, STORE);
}

// Addresses that nothing is mapped at kill who touches them, and nobody else.
static void outside(void)
{
    in_generations(look_outside);
}

// Addresses that no page table can have.
static void beyond(void)
{
    forbid("unmapped-written", "the first address after the last", 0x4000000000, STORE);
    forbid("unmapped-written", "an address in the middle of nowhere", 0x5555555555555000, STORE);
    forbid("unmapped-written", "the last page of all", 0xfffffffffffff000, STORE);
}

// Whether a program that has just been started may do `what` to its text.
static int fresh(const char *what)
{
    int status = 0;
    char *arguments[] = {"cowprotect", "poke", (char *)what, 0};
    if (start() == 0) {
        exec("/cowprotect", arguments);
        exit(7);
    }
    wait(&status);
    return status;
}

static int poke_text(int what)
{
    unsigned long text = (unsigned long)&poke_text;
    return done(poke(what, text));
}

// What a store to the program's text does, by itself and by the kernel, is the same before and
// after forks: kernels until 2021 allow it, later ones do not.
static void text(void)
{
    int stores = fresh("0"), receives = fresh("2"), status = 0;
    unsigned long at = (unsigned long)&poke_text;
    char before = *(char *)at;
    for (int round = 0; round < 2; round++) {
        expect("text-written", "how a store to text ends a forked process", stores,
               killed_by(STORE, at));
        int seen = killed_by(RECEIVE, at);
        if (receives != seen && receives != 6)
            expect("text-written", "how read() into text ends a forked process", receives, seen);
        if (start() == 0) {
            expect("text-written", "how a store to text ends a grandchild", stores,
                   killed_by(STORE, at));
            exit(0);
        }
        wait(&status);
        expect("child-died", "status of a child", 0, status);
        expect("text-written", "a byte of the parent's text", before, *(char *)at);
    }
}

static void look_at_text(void)
{
    expect("text-written", "status of a process that stores to its text", -1,
           killed_by(STORE, (unsigned long)&poke_text));
}

// Kernels since 2022 let nobody store to text.
static void readonly(void)
{
    in_generations(look_at_text);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        {"guard", guard}, {"outside", outside}, {"beyond", beyond}, {"text", text},
        {"readonly", readonly}, {0, 0},
    };
    if (argc > 2 && strcmp(argv[1], "poke") == 0)
        exit(poke_text(argv[2][0] - '0'));
    exit(run_tests(tests, argc, argv));
}
