// layout: two segments, entry start
// Floating point: every register survives system calls, fork and being pre-empted by others that
// use them too, and none shows what another process left in it.
#include "lib.h"
#include "arch.h"

const char program[] = "c-fp";

enum { CHILDREN = 6, ROUNDS = 12, TERMS = 200000, OTHERS = 99 };

// Puts a value into every register, those that a function must keep included, and says so.
static inline void take_registers(long seed)
{
    fp_fill(seed);
    FP_TAKEN;
}

// A sum whose every bit depends on all terms before it.
static double series(double seed, int terms)
{
    double sum = seed, factor = 1.0000001;
    for (int i = 1; i <= terms; i++)
        sum = sum * factor + seed / i;
    return sum;
}

static void busy(void)
{
    for (volatile int i = 0; i < 100000; i++)
        ;
}

// No compiler-made floating point between filling and looking.
static void registers_survive(long seed)
{
    for (int round = 0; round < ROUNDS; round++) {
        take_registers(seed + round);
        busy();
        check(fp_wrong(seed + round) == 0);
        check(getpid() > 0);
        check(fp_wrong(seed + round) == 0);
        if (round % 4 == 0) {
            sleep(1);
            check(fp_wrong(seed + round) == 0);
        }
    }
}

static void fork_copies_registers(void)
{
    int status;
    take_registers(42);
    int pid = fork();
    check(fp_wrong(42) == 0);
    check(pid >= 0);
    if (pid == 0) {
        take_registers(43);
        busy();
        exit(fp_wrong(43));
    }
    busy();
    check(fp_wrong(42) == 0);
    check(wait(&status) == pid);
    check(status == 0);
    check(fp_wrong(42) == 0);
}

static void work(int number)
{
    double expected = series(number + 0.5, TERMS);
    for (int round = 0; round < 3; round++) {
        registers_survive(1000 * number);
        // The registers' own rounding mode would change the sum.
        take_registers(0);
        check(series(number + 0.5, TERMS) == expected);
    }
    fork_copies_registers();
}

// A new program with the same name, which looks at what it finds in its registers.
static void begin_anew(address name)
{
    char *arguments[] = {(char *)name, "fresh", 0};
    exec((char *)name, arguments);
    exit(1);
}

// A process is killed while its values are in the registers of a hart.
static void killed_with_registers(void)
{
    int status, pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        take_registers(OTHERS);
        for (;;)
            busy();
    }
    sleep(1);
    check(kill(pid) == 0);
    check(wait(&status) == pid && status == -1);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        // A new program: none of the registers holds what the old one left in it.
        check(fp_wrong(OTHERS) == FP_REGISTERS);
        return 0;
    }
    for (int number = 0; number < CHILDREN; number++) {
        int pid = fork();
        check(pid >= 0);
        if (pid == 0) {
            work(number);
            exit(0);
        }
    }
    for (int number = 0; number < CHILDREN; number++) {
        int status;
        check(wait(&status) > 0);
        check(status == 0);
    }
    take_registers(OTHERS);
    check(status_of(begin_anew, (address)argv[0]) == 0);
    killed_with_registers();
    check(status_of(begin_anew, (address)argv[0]) == 0);
    print("%s: OK\n", program);
    return 0;
}
