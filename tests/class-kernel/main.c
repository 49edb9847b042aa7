// Start, traps and system calls.

#include "class.h"

enum { CALL = 8, LOAD_FAULT = 13, STORE_FAULT = 15, TIMER = 5 };

extern void trap_entry(void);
static volatile u32 started;

void put(char c)
{
    *(volatile char *)(DEVICES + 0x10000000UL) = c;
}

void panic(const char *why)
{
    for (const char *c = "\npanic: "; *c; c++)
        put(*c);
    for (; *why; why++)
        put(*why);
    put('\n');
    for (;;)
        ;
}

void set_timer(void)
{
    csr_write(0x14d, csr_read(time) + 3000);
}

static u64 sbrk(int change)
{
    struct space *space = &me()->space;
    u64 old = space->size;
    if (change < 0) {
        if ((u64)-change > old)
            return -1;
        space_shrink(space, old + change);
    } else if (space_grow(space, old + change, R | W) < 0) {
        return -1;
    }
    return old;
}

// The path that an argument points to is of the calling process.
static u64 with_path(int call, u64 path, u64 other)
{
    char text[32];
    if (copy_text(&me()->space, text, path, sizeof text) < 0)
        return -1;
    return call == 7 ? exec(text, other) : file_open(text);
}

// The numbers are those of xv6.
static u64 call(struct frame *f)
{
    u64 a = f->x[10], b = f->x[11], c = f->x[12];
    switch (f->x[17]) {
    case 1:
        return fork();
    case 2:
        exit(a);
    case 3:
        return wait(a);
    case 4:
        return file_pipe(a);
    case 5:
        return file_read(a, b, c);
    case 6:
        return kill(a);
    case 7:
    case 15:
        return with_path(f->x[17], a, b);
    case 8:
        return file_stat(a, b);
    case 10:
        return file_dup(a);
    case 11:
        return me()->pid;
    case 12:
        return sbrk(a);
    case 16:
        return file_write(a, b, c);
    case 21:
        return file_close(a);
    }
    return -1;
}

void trap(struct frame *f)
{
    u64 cause = csr_read(scause);
    if (f->status & 0x100)
        panic("kerneltrap");
    if (cause >> 63) {
        set_timer();
        console_poll();
        yield();
    } else if (cause == CALL) {
        f->pc += 4;
        f->x[10] = call(f);
    } else if (cause != STORE_FAULT || space_write(&me()->space, csr_read(stval)) < 0) {
        exit(-1);
    }
    if (me()->killed)
        exit(-1);
}

void main(void)
{
    csr_write(stvec, trap_entry);
    csr_write(sscratch, 0);
    if (hart() == 0) {
        frames_init();
        kernel_space_init();
    } else {
        while (!__atomic_load_n(&started, __ATOMIC_ACQUIRE))
            ;
    }
    csr_write(satp, kernel_satp());
    asm volatile("sfence.vma" : : : "memory");
    if (hart() == 0) {
        procs_init();
        __atomic_store_n(&started, 1, __ATOMIC_RELEASE);
    }
    csr_write(sie, 1 << TIMER);
    set_timer();
    scheduler();
}
