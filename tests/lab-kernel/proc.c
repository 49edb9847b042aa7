// Processes: one scheduler per hart, fork, exit, wait.

#include "lab.h"

struct proc procs[PROCS];
struct cpu cpus[HARTS];
struct lock wait_lock;
static struct lock pid_lock;
static int next_pid = 1;

extern void trap_return(void);

// A new process goes from the scheduler to its first return from a trap.
static void first_return(void)
{
    struct proc *p = cpus[hart()].proc;
    release(&p->lock);
    asm volatile("mv sp, %0; j trap_return" : : "r"(p->frame) : "memory");
}

// A process with the lock held and nothing but kernel in its address space; 0 if there is none.
static struct proc *proc_alloc(void)
{
    for (struct proc *p = procs; p < procs + PROCS; p++) {
        acquire(&p->lock);
        if (p->state == UNUSED) {
            p->root = space_new();
            if (!p->root) {
                release(&p->lock);
                return 0;
            }
            if (stack_map(p) < 0) {
                space_free(p);
                release(&p->lock);
                return 0;
            }
            p->state = NEW;
            acquire(&pid_lock);
            p->pid = next_pid++;
            release(&pid_lock);
            u64 top = stack_top(p - procs);
            p->frame = (struct frame *)(top - 288);
            fill(&p->context, 0, sizeof p->context);
            p->context.ra = (u64)first_return;
            p->context.sp = top - 288;
            return p;
        }
        release(&p->lock);
    }
    return 0;
}

static void start_program(struct proc *p)
{
    for (int i = 0; i < 32; i++)
        p->frame->x[i] = 0;
    p->frame->x[2] = USER_STACK + PAGE;
    p->frame->pc = USER;
    p->frame->status = 1 << 5;
}

void procs_init(void)
{
    struct proc *p = proc_alloc();
    if (space_load(p, 0) < 0)
        panic("no memory for the first program");
    start_program(p);
    p->state = RUNNABLE;
    release(&p->lock);
}

// Runs processes for ever. The lock of a process is held from its choice until it has been left.
void scheduler(void)
{
    struct cpu *cpu = &cpus[hart()];
    for (;;) {
        int ran = 0;
        for (struct proc *p = procs; p < procs + PROCS; p++) {
            acquire(&p->lock);
            if (p->state == RUNNABLE) {
                p->state = RUNNING;
                cpu->proc = p;
                space_enter(p);
                switch_to(&cpu->context, &p->context);
#if MISTAKE != 12
                csr_write(satp, kernel_satp());
#endif
                cpu->proc = 0;
                ran = 1;
            }
            release(&p->lock);
        }
        if (!ran) {
            set_timer();
            asm volatile("wfi");
        }
    }
}

// Back to the scheduler, with the lock of the process held.
static void leave(void)
{
    struct cpu *cpu = &cpus[hart()];
    switch_to(&cpu->proc->context, &cpu->context);
}

void yield(void)
{
    struct proc *p = cpus[hart()].proc;
    acquire(&p->lock);
    p->state = RUNNABLE;
    leave();
    release(&p->lock);
}

static void sleep(void *channel, struct lock *held)
{
    struct proc *p = cpus[hart()].proc;
    acquire(&p->lock);
    release(held);
#if MISTAKE == 13
    struct waiter here;
    p->waiter = &here;
#else
    p->waiter = &p->place;
#endif
    p->waiter->woken = 0;
    p->channel = channel;
    do {
        p->state = SLEEPING;
        leave();
    } while (!p->waiter->woken);
    p->channel = 0;
    release(&p->lock);
    acquire(held);
}

static void wake(void *channel)
{
    struct proc *me = cpus[hart()].proc;
    for (struct proc *p = procs; p < procs + PROCS; p++) {
        if (p == me)
            continue;
        acquire(&p->lock);
        if (p->state == SLEEPING && p->channel == channel) {
            p->waiter->woken = 1;
            p->state = RUNNABLE;
        }
        release(&p->lock);
    }
}

int fork(void)
{
    struct proc *parent = cpus[hart()].proc;
    struct proc *child = proc_alloc();
    if (!child)
        return -1;
    if (space_fork(parent, child) < 0) {
        space_free(child);
        stack_unmap(child);
        child->state = UNUSED;
        release(&child->lock);
        return -1;
    }
    *child->frame = *parent->frame;
    child->frame->x[10] = 0;
    int pid = child->pid;
    release(&child->lock);
    acquire(&wait_lock);
    child->parent = parent;
    release(&wait_lock);
    acquire(&child->lock);
    child->state = RUNNABLE;
    release(&child->lock);
    return pid;
}

// Starts the program anew, in fresh memory.
void exec(int which)
{
    struct proc *p = cpus[hart()].proc;
    u64 *root = space_new();
    if (!root)
        panic("no memory for exec");
    csr_write(satp, kernel_satp());
    space_free(p);
    p->root = root;
    if (space_load(p, which) < 0)
        panic("no memory for exec");
    csr_write(satp, space_satp(p));
    start_program(p);
    p->frame->x[10] = 1;
}

void exit(int status)
{
    struct proc *p = cpus[hart()].proc;
#if MISTAKE == 10
    acquire(&p->lock);
    acquire(&wait_lock);
#else
    acquire(&wait_lock);
#endif
    for (struct proc *child = procs; child < procs + PROCS; child++)
        if (child->parent == p)
            child->parent = procs;
    wake(p->parent);
#if MISTAKE != 10
    acquire(&p->lock);
#endif
    p->status = status;
    p->state = ZOMBIE;
    release(&wait_lock);
    leave();
    panic("a zombie runs");
}

int wait(u64 status_address)
{
    struct proc *p = cpus[hart()].proc;
    acquire(&wait_lock);
    for (;;) {
        int any = 0;
        for (struct proc *child = procs; child < procs + PROCS; child++) {
            if (child->parent != p)
                continue;
            any = 1;
            acquire(&child->lock);
            if (child->state == ZOMBIE) {
                int pid = child->pid;
                int status = child->status;
                child->parent = 0;
                space_free(child);
                stack_unmap(child);
                child->state = UNUSED;
                release(&child->lock);
                release(&wait_lock);
                if (copyout(p, status_address, &status, sizeof status) < 0)
                    return -1;
                return pid;
            }
            release(&child->lock);
        }
        if (!any) {
            release(&wait_lock);
            return -1;
        }
        sleep(p, &wait_lock);
    }
}
