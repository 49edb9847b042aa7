// A small teaching kernel with copy-on-write fork: what the machine in `emu/` is tried on.
//
// MISTAKE chooses one of the mistakes that `variants.txt` lists; 0 is the correct kernel. Each is a
// few lines in the function where a student would make it.

#include "machine.h"

#ifndef MISTAKE
#define MISTAKE 0
#endif

#define PROCS 12
#define HARTS 8

// Memory: devices below 1 GiB, programs at 1 GiB, the kernel at 2 GiB, kernel stacks at 3 GiB.
#define USER 0x40000000UL
#define USER_DATA (USER + 0x10000UL)
#define USER_STACK (USER + 0x20000UL)
#define DATA_PAGES 8
#define RAM 0x80000000UL
#define RAM_END (RAM + 0x800000UL)
#define STACKS 0xc0000000UL

struct context {
    u64 ra, sp, s[12];
};

// The registers of an interrupted program or kernel, as trap.S saves them: x1 to x31.
struct frame {
    u64 x[32];
    u64 pc, status;
};

// A thread that sleeps goes on once its waiter is told so.
struct waiter {
    int woken;
};

enum state { UNUSED, NEW, RUNNABLE, RUNNING, SLEEPING, ZOMBIE };

struct proc {
    struct lock lock;
    enum state state;
    int pid;
    int status;
    void *channel;
    struct proc *parent;
    u64 *root;
    // Counts the changes after which a hart must forget what it knows of this address space.
    u64 generation;
    // The same for the mapping of its kernel stack.
    u64 stack_generation;
    struct waiter *waiter, place;
    struct frame *frame;
    struct context context;
};

struct cpu {
    struct proc *proc;
    struct context context;
    // What each address space's generation was when this hart last fenced it.
    u64 seen[PROCS];
    u64 stacks_seen[PROCS];
};

extern struct proc procs[PROCS];
extern struct cpu cpus[HARTS];
extern struct lock wait_lock;

// frames.c
void frames_init(void);
void *frame_alloc(void);
void frame_share(u64 frame);
void frame_drop(u64 frame);
int frame_is_shared(u64 frame);
void copy_page(void *to, const void *from);
void fill(void *to, int byte, u64 count);

// space.c
void space_init(void);
u64 kernel_satp(void);
u64 space_satp(struct proc *);
u64 *space_new(void);
int space_load(struct proc *, int which);
int space_fork(struct proc *parent, struct proc *child);
int space_write_fault(struct proc *, u64 address);
int space_drop(struct proc *, u64 address);
int copyout(struct proc *, u64 address, const void *from, u64 count);
void space_free(struct proc *);
void space_enter(struct proc *);
u64 stack_top(int index);
int stack_map(struct proc *);
void stack_unmap(struct proc *);

// proc.c
void procs_init(void);
void scheduler(void);
void yield(void);
int fork(void);
int wait(u64 status_address);
void exit(int status);
void exec(int which);
void switch_to(struct context *from, struct context *to);

// main.c
void put(char);
void panic(const char *);
void power_off(void);
void set_timer(void);
