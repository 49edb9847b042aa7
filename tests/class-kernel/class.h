// A teaching kernel with the calls of xv6 and copy-on-write fork: what the grader is tried on.
//
// CLASS_MISTAKE chooses one of the mistakes that `mistakes.txt` lists; 0 is the correct kernel.
// Each is a few lines in the function where a student would make it. Programs are part of the
// kernel.

#include "machine.h"

#ifndef CLASS_MISTAKE
#define CLASS_MISTAKE 0
#endif

// More than a count of 8 bits tells.
#define PROCS 280
#define FILES 16
#define ALL_FILES 600
#define HARTS 8

// Programs have the first gibibyte, devices the second, memory is where it is.
#define USER_END 0x40000000UL
#define DEVICES 0x40000000UL
#define RAM 0x80000000UL
#define RAM_END (RAM + 0x800000UL)

struct context {
    u64 ra, sp, s[12];
};

// The registers of an interrupted program or kernel, as start.S saves them.
struct frame {
    u64 x[32];
    u64 pc, status;
};

enum state { UNUSED, NEW, RUNNABLE, RUNNING, SLEEPING, ZOMBIE };

// A program's memory: its tables, and where it ends.
struct space {
    u64 *root;
    u64 size;
};

struct proc {
    struct lock lock;
    enum state state;
    int pid, status, killed;
    void *channel;
    struct proc *parent;
    struct space space;
    // The page with the kernel stack.
    u64 stack;
    struct frame *frame;
    struct context context;
    struct file *files[FILES];
};

struct cpu {
    struct proc *proc;
    struct context context;
};

extern struct proc procs[PROCS];
extern struct cpu cpus[HARTS];

// frames.c
void frames_init(void);
void *frame_alloc(void);
void frame_share(u64 frame);
void frame_drop(u64 frame);
int frame_is_shared(u64 frame);
void fill(void *to, int byte, u64 count);
void copy(void *to, const void *from, u64 count);

// space.c
int space_new(struct space *);
int space_grow(struct space *, u64 size, u64 rights);
void space_shrink(struct space *, u64 size);
int space_fork(struct space *parent, struct space *child);
int space_write(struct space *, u64 address);
void space_hide(struct space *, u64 address);
int copy_out(struct space *, u64 address, const void *from, u64 count);
int copy_in(struct space *, void *to, u64 address, u64 count);
int copy_text(struct space *, char *to, u64 address, u64 size);
int space_load(struct space *, u64 address, const void *from, u64 count);
void space_free(struct space *);
void space_enter(struct space *);
u64 kernel_satp(void);
void kernel_space_init(void);

// proc.c
struct proc *me(void);
void procs_init(void);
void scheduler(void);
void yield(void);
void sleep(void *channel, struct lock *held);
void wake(void *channel);
int fork(void);
int wait(u64 status_address);
void exit(int status) __attribute__((noreturn));
int kill(int pid);
void switch_to(struct context *from, struct context *to);

// exec.c
int exec(const char *path, u64 arguments);

// file.c
int file_open(const char *path);
int file_dup(int fd);
int file_close(int fd);
int file_pipe(u64 ends_address);
int file_read(int fd, u64 address, int count);
int file_write(int fd, u64 address, int count);
int file_stat(int fd, u64 address);
void files_inherit(struct proc *child);
void files_close(void);
void console_poll(void);
int same(const char *one, const char *other);

// main.c
void put(char);
void panic(const char *) __attribute__((noreturn));
void set_timer(void);
