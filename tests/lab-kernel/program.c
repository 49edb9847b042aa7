// The program that all processes run: families that share memory and must not notice.

typedef unsigned long u64;

#define DATA ((volatile u64 *)0x40010000UL)
// In the first page, which children copy while their parent waits.
#define STATUS ((volatile int *)0x40010008UL)
#define WORDS 512
#define PAGES 6
#define ROUNDS 8
#define CHILDREN 4

enum { FORK = 1, EXIT, WAIT, PUT, YIELD, DROP, EXEC, OFF };

static u64 call(u64 number, u64 argument)
{
    register u64 a0 asm("a0") = argument;
    register u64 a7 asm("a7") = number;
    asm volatile("ecall" : "+r"(a0) : "r"(a7) : "memory");
    return a0;
}

static void fail(char why)
{
    call(PUT, '!');
    call(PUT, why);
    call(PUT, '\n');
    call(OFF, 0);
}

static void check(u64 round, char why)
{
    for (u64 i = 0; i < PAGES; i++)
        if (DATA[i * WORDS] != round * 16 + i)
            fail(why);
}

static void child(u64 round, int which)
{
    if (which == 0) {
        // Sleeps soon after its birth, so few harts have run it when one of them ends the wait.
        for (int i = 0; i < 2; i++) {
            int grandchild = call(FORK, 0);
            if (grandchild == 0) {
                for (int j = 0; j < 6; j++)
                    call(YIELD, 0);
                call(EXIT, 7);
            }
            if ((int)call(WAIT, (u64)STATUS) != grandchild)
                fail('h');
        }
    }
    // The later children find that the parent waits already.
    for (int i = 0; i < 2 * which; i++)
        call(YIELD, 0);
    check(round, 'c');
    for (u64 i = 0; i < PAGES; i++)
        DATA[i * WORDS] = which;
    if (which & 1)
        call(YIELD, 0);
    for (u64 i = 0; i < PAGES; i++)
        if (DATA[i * WORDS] != (u64)which)
            fail('d');
    if (which == 2) {
        // A page that was taken away cannot be read: the kernel ends the process.
        call(DROP, (u64)&DATA[3 * WORDS]);
        if (DATA[3 * WORDS] != 12345)
            fail('e');
    }
    if (which == 3) {
        int grandchild = call(FORK, 0);
        if (grandchild == 0) {
            DATA[0] = 99;
            call(EXIT, 7);
        }
        DATA[0] = 3;
        if ((int)call(WAIT, (u64)STATUS) != grandchild || STATUS[0] != 7 || DATA[0] != 3)
            fail('g');
        call(EXEC, round & 1);
    }
    call(EXIT, which);
}

__attribute__((section(".text.start"))) void main(u64 again)
{
#ifdef OTHER
    // Another text at the same addresses.
    for (volatile int i = 0; i < 3; i++)
        ;
#endif
    if (again)
        call(EXIT, 3);
    for (u64 round = 0; round < ROUNDS; round++) {
        for (u64 i = 0; i < PAGES; i++)
            DATA[i * WORDS] = round * 16 + i;
        for (int i = 0; i < CHILDREN; i++) {
            int pid = call(FORK, 0);
            if (pid == 0)
                child(round, i);
            // The parent writes what it had, so that sharing ends and begins again.
            DATA[i * WORDS] = round * 16 + i;
        }
        for (int i = 0; i < CHILDREN; i++) {
            if ((int)call(WAIT, (u64)STATUS) < 0)
                fail('w');
            int status = STATUS[0];
            if (status < -1 || status > 3)
                fail('s');
        }
        check(round, 'p');
        call(PUT, '.');
    }
    call(PUT, '\n');
    call(OFF, 0);
}
