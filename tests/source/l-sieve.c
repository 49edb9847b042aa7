// A pipeline of processes, one for each prime below 36: the exercise that many courses begin with.
#include "kernel/types.h"
#include "kernel/stat.h"
#include "user/user.h"

static void sieve(int in) __attribute__((noreturn));

static void sieve(int in)
{
    int prime, number, ends[2];
    if (read(in, &prime, sizeof prime) != sizeof prime)
        exit(0);
    printf("prime %d\n", prime);
    pipe(ends);
    if (fork() == 0) {
        close(ends[1]);
        close(in);
        sieve(ends[0]);
    }
    close(ends[0]);
    while (read(in, &number, sizeof number) == sizeof number)
        if (number % prime != 0)
            write(ends[1], &number, sizeof number);
    close(ends[1]);
    wait(0);
    exit(0);
}

int main(int argc, char *argv[])
{
    int ends[2];
    pipe(ends);
    if (fork() == 0) {
        close(ends[1]);
        sieve(ends[0]);
    }
    for (int number = 2; number < 36; number++)
        write(ends[1], &number, sizeof number);
    close(ends[1]);
    wait(0);
    exit(0);
}
