// Processes: one scheduler for each hart, fork, exit, wait, kill.

#include "class.h"

struct proc procs[PROCS];
struct cpu cpus[HARTS];
// Who is whose child; taken before the lock of a process.
static struct lock wait_lock;
static struct lock pid_lock;
static int next_pid = 1;

extern void trap_return(void);

struct proc *me(void)
{
    return cpus[hart()].proc;
}

// A new process goes from the scheduler to its first return from a trap.
static void first_return(void)
{
    struct proc *p = me();
    release(&p->lock);
    asm volatile("mv sp, %0; j trap_return" : : "r"(p->frame) : "memory");
}

// A process with the lock held, a stack and an empty address space; 0 if there is none.
static struct proc *proc_alloc(void)
{
    for (struct proc *p = procs; p < procs + PROCS; p++) {
        acquire(&p->lock);
        if (p->state != UNUSED) {
            release(&p->lock);
            continue;
        }
        p->stack = (u64)frame_alloc();
        if (!p->stack || space_new(&p->space) < 0) {
            if (p->stack)
                frame_drop(p->stack);
            release(&p->lock);
            return 0;
        }
        acquire(&pid_lock);
        p->pid = next_pid++;
        release(&pid_lock);
        p->state = NEW;
        p->killed = 0;
        p->frame = (struct frame *)(p->stack + PAGE - 288);
        fill(&p->context, 0, sizeof p->context);
        p->context.ra = (u64)first_return;
        p->context.sp = (u64)p->frame;
        return p;
    }
    return 0;
}

static void proc_free(struct proc *p)
{
    space_free(&p->space);
    frame_drop(p->stack);
    p->state = UNUSED;
}

void procs_init(void)
{
    struct proc *p = proc_alloc();
    if (!p)
        panic("no memory for the first process");
    p->frame->status = 1 << 5;
    cpus[hart()].proc = p;
    if (exec("init", 0) < 0)
        panic("there is no init");
    cpus[hart()].proc = 0;
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
            if (__atomic_load_n(&p->state, __ATOMIC_RELAXED) != RUNNABLE)
                continue;
            acquire(&p->lock);
            if (p->state == RUNNABLE) {
                p->state = RUNNING;
                cpu->proc = p;
                space_enter(&p->space);
                switch_to(&cpu->context, &p->context);
                csr_write(satp, kernel_satp());
                asm volatile("sfence.vma" : : : "memory");
                cpu->proc = 0;
                ran = 1;
            }
            release(&p->lock);
        }
        if (!ran) {
            set_timer();
            asm volatile("wfi");
            console_poll();
        }
    }
}

// Back to the scheduler, with the lock of the process held.
static void leave(void)
{
    switch_to(&me()->context, &cpus[hart()].context);
}

void yield(void)
{
    struct proc *p = me();
    acquire(&p->lock);
    p->state = RUNNABLE;
    leave();
    release(&p->lock);
}

void sleep(void *channel, struct lock *held)
{
    struct proc *p = me();
    acquire(&p->lock);
    // Before the waker can come: it looks for the channel without the lock.
    p->channel = channel;
    release(held);
    p->state = SLEEPING;
    leave();
    p->channel = 0;
    release(&p->lock);
    acquire(held);
}

void wake(void *channel)
{
    for (struct proc *p = procs; p < procs + PROCS; p++) {
        if (p == me() || __atomic_load_n(&p->channel, __ATOMIC_RELAXED) != channel)
            continue;
        acquire(&p->lock);
        if (p->state == SLEEPING && p->channel == channel)
            p->state = RUNNABLE;
        release(&p->lock);
    }
}

int fork(void)
{
    struct proc *parent = me();
    struct proc *child = proc_alloc();
    if (!child)
        return -1;
    if (space_fork(&parent->space, &child->space) < 0) {
        proc_free(child);
        release(&child->lock);
        return -1;
    }
    *child->frame = *parent->frame;
    child->frame->x[10] = 0;
    files_inherit(child);
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

void exit(int status)
{
    struct proc *p = me();
    if (p == procs)
        panic("init exits");
    files_close();
    acquire(&wait_lock);
    for (struct proc *child = procs; child < procs + PROCS; child++)
        if (child->parent == p) {
            child->parent = procs;
            wake(procs);
        }
    wake(p->parent);
    acquire(&p->lock);
    p->status = status;
    p->state = ZOMBIE;
    release(&wait_lock);
    leave();
    panic("a zombie runs");
}

int wait(u64 status_address)
{
    struct proc *p = me();
    acquire(&wait_lock);
    for (;;) {
        int any = 0;
        for (struct proc *child = procs; child < procs + PROCS; child++) {
            if (child->parent != p)
                continue;
            any = 1;
            acquire(&child->lock);
            if (child->state == ZOMBIE) {
                int pid = child->pid, status = child->status;
                child->parent = 0;
                proc_free(child);
                release(&child->lock);
                release(&wait_lock);
                if (status_address &&
                    copy_out(&p->space, status_address, &status, sizeof status) < 0)
                    return -1;
                return pid;
            }
            release(&child->lock);
        }
        if (!any || p->killed) {
            release(&wait_lock);
            return -1;
        }
        sleep(p, &wait_lock);
    }
}

int kill(int pid)
{
    for (struct proc *p = procs; p < procs + PROCS; p++) {
        acquire(&p->lock);
        if (p->state != UNUSED && p->pid == pid) {
            p->killed = 1;
            if (p->state == SLEEPING)
                p->state = RUNNABLE;
            release(&p->lock);
            return 0;
        }
        release(&p->lock);
    }
    return -1;
}
