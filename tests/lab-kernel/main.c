// Start, traps, system calls and the console.

#include "lab.h"

enum { FORK = 1, EXIT, WAIT, PUT, YIELD, DROP, EXEC, OFF };
enum { CALL = 8, STORE_FAULT = 15, TIMER = 5 };

extern void trap_entry(void);
static volatile u32 started;

void put(char c)
{
    *(volatile char *)0x10000000 = c;
}

void power_off(void)
{
    *(volatile u32 *)0x100000 = 0x5555;
    for (;;)
        ;
}

void panic(const char *why)
{
    for (const char *c = "panic: "; *c; c++)
        put(*c);
    for (; *why; why++)
        put(*why);
    put('\n');
    *(volatile u32 *)0x100000 = 0x13333;
    for (;;)
        ;
}

void set_timer(void)
{
    csr_write(0x14d, csr_read(time) + 3000);
}

#if MISTAKE == 11
// More than a kernel stack holds.
static int deep(int n)
{
    volatile char room[700];
    room[n] = n;
    return n == 0 ? room[0] : deep(n - 1) + room[n];
}
#endif

static u64 call(struct frame *f)
{
    struct proc *p = cpus[hart()].proc;
    switch (f->x[17]) {
    case FORK:
#if MISTAKE == 11
        deep(20);
#endif
        return fork();
    case EXIT:
        exit(f->x[10]);
        return 0;
    case WAIT:
        return wait(f->x[10]);
    case PUT:
        put(f->x[10]);
        return 0;
    case YIELD:
        yield();
        return 0;
    case DROP:
        return space_drop(p, f->x[10]);
    case EXEC:
        exec(f->x[10]);
        return f->x[10];
    case OFF:
        power_off();
    }
    return -1;
}

void trap(struct frame *f)
{
    u64 cause = csr_read(scause);
    struct proc *p = cpus[hart()].proc;
    if (cause >> 63) {
        set_timer();
        if (!(f->status & 0x100))
            yield();
        return;
    }
    if (f->status & 0x100)
        panic("the kernel trapped");
    if (cause == CALL) {
        f->pc += 4;
        f->x[10] = call(f);
    } else if (cause != STORE_FAULT || space_write_fault(p, csr_read(stval)) < 0) {
        exit(-1);
    }
}

void main(void)
{
    csr_write(stvec, trap_entry);
    csr_write(sscratch, 0);
    if (hart() == 0) {
        frames_init();
        space_init();
    } else {
        while (!__atomic_load_n(&started, __ATOMIC_ACQUIRE))
            ;
    }
    csr_write(satp, kernel_satp());
    asm volatile("sfence.vma" : : : "memory");
    if (hart() == 0) {
        // The first process needs its kernel stack, which only the tables know.
        procs_init();
        __atomic_store_n(&started, 1, __ATOMIC_RELEASE);
    }
    csr_write(sie, 1 << TIMER);
    set_timer();
    scheduler();
}
