// Address spaces: Sv39 tables with the kernel in them, an identifier for each, copy-on-write fork.
//
// The kernel's own entries are global. Only those of kernel stacks change, with the process that
// has the stack, and a hart forgets them before it first runs on a stack. Entries of programs
// change only on behalf of the process they belong to, which fences the hart it runs on and raises
// `generation`; another hart compares that with what it has seen before it runs the process.

#include "lab.h"

extern char program[], program_end[], other_program[], other_program_end[];
static u64 *stacks_table;
static u64 *stack_entries;
static u64 *kernel_root;

static void fence_address(u64 address, struct proc *p)
{
    u64 asid = p - procs + 1;
    asm volatile("sfence.vma %0, %1" : : "r"(address), "r"(asid) : "memory");
}

static void fence_space(struct proc *p)
{
    u64 asid = p - procs + 1;
    asm volatile("sfence.vma zero, %0" : : "r"(asid) : "memory");
}

// The entries of this process have lost something: this hart forgets now, the others before they
// run it.
static void changed(struct proc *p)
{
    fence_space(p);
#if MISTAKE != 3
    p->generation++;
#endif
    cpus[hart()].seen[p - procs] = p->generation;
}

u64 stack_top(int index)
{
    return STACKS + (2 * index + 2) * PAGE;
}

// The tables of kernel stacks: for each process a page that is not there, then the stack if the
// process lives.
void space_init(void)
{
    u64 *middle = frame_alloc(), *last = frame_alloc();
    middle[0] = ENTRY(last, V | G);
    stack_entries = last;
    stacks_table = middle;
    kernel_root = space_new();
}

static u64 *stack_entry(struct proc *p)
{
    return &stack_entries[2 * (p - procs) + 1];
}

// This hart forgets which stack the process had, and may use the one it has.
static void stack_forget(struct proc *p)
{
    u64 *seen = &cpus[hart()].stacks_seen[p - procs];
    if (*seen != p->stack_generation) {
        asm volatile("sfence.vma %0" : : "r"(stack_top(p - procs) - PAGE) : "memory");
        *seen = p->stack_generation;
    }
}

// Gives a process that is about to live a kernel stack.
int stack_map(struct proc *p)
{
    void *frame = frame_alloc();
    if (!frame)
        return -1;
    *stack_entry(p) = ENTRY(frame, V | R | W | G | 0xc0);
    p->stack_generation++;
    stack_forget(p);
    return 0;
}

// Takes the stack of a process that runs nowhere. Other harts may remember it, and do not use it.
void stack_unmap(struct proc *p)
{
    u64 frame = FRAME(*stack_entry(p));
    *stack_entry(p) = 0;
    p->stack_generation++;
    stack_forget(p);
    frame_drop(frame);
}

u64 kernel_satp(void)
{
    return 8UL << 60 | (u64)kernel_root / PAGE;
}

u64 space_satp(struct proc *p)
{
    return 8UL << 60 | (u64)(p - procs + 1) << 44 | (u64)p->root / PAGE;
}

u64 *space_new(void)
{
    u64 *root = frame_alloc();
    if (root) {
        root[0] = ENTRY(0, V | R | W | G | 0xc0);
        root[2] = ENTRY(RAM, V | R | W | X | G | 0xc0);
        root[3] = ENTRY(stacks_table, V | G);
    }
    return root;
}

// The entry for a user address; 0 if there is no table and none is made.
static u64 *entry_of(u64 *root, u64 address, int make)
{
    if (address < USER || address >= RAM)
        return 0;
    u64 *table = root;
    for (int level = 2; level > 0; level--) {
        u64 *entry = &table[address >> (12 + 9 * level) & 511];
        if (!(*entry & V)) {
            void *next = make ? frame_alloc() : 0;
            if (!next)
                return 0;
            *entry = ENTRY(next, V);
        }
        table = (u64 *)FRAME(*entry);
    }
    return &table[address >> 12 & 511];
}

static int map(u64 *root, u64 address, u64 frame, u64 rights)
{
    u64 *entry = entry_of(root, address, 1);
    if (!entry)
        return -1;
    *entry = ENTRY(frame, rights | V);
    return 0;
}

// Fills an empty address space with a program.
int space_load(struct proc *p, int which)
{
    const char *from = which ? other_program : program;
    const char *end = which ? other_program_end : program_end;
    for (u64 at = 0; at < (u64)(end - from); at += PAGE) {
        void *frame = frame_alloc();
        if (!frame || map(p->root, USER + at, (u64)frame, R | X | U) < 0)
            return -1;
        copy_page(frame, from + at);
    }
    for (int i = 0; i < DATA_PAGES + 1; i++) {
        u64 address = i < DATA_PAGES ? USER_DATA + i * PAGE : USER_STACK;
        void *frame = frame_alloc();
        if (!frame || map(p->root, address, (u64)frame, R | W | U) < 0)
            return -1;
    }
    changed(p);
    asm volatile("fence.i" : : : "memory");
    return 0;
}

// Gives the child the parent's pages; both lose the right to write what only one may.
int space_fork(struct proc *parent, struct proc *child)
{
    for (u64 at = USER; at <= USER_STACK; at += PAGE) {
        u64 *entry = entry_of(parent->root, at, 0);
        if (!entry || !(*entry & V))
            continue;
        if (*entry & W)
            *entry = (*entry & ~W) | COW;
        frame_share(FRAME(*entry));
        if (map(child->root, at, FRAME(*entry), *entry & 1023) < 0)
            return -1;
    }
#if MISTAKE == 1
    // Nobody forgets anything.
#elif MISTAKE == 2
    fence_address(USER, parent);
    parent->generation++;
    cpus[hart()].seen[parent - procs] = parent->generation;
#else
    changed(parent);
#endif
    return 0;
}

// A store met a page without the right to write. Returns 0 if it may be tried again.
int space_write_fault(struct proc *p, u64 address)
{
    u64 *entry = entry_of(p->root, address, 0);
    if (!entry || !(*entry & V) || !(*entry & U))
        return -1;
    if (*entry & W) {
        fence_address(address, p);
        return 0;
    }
    if (!(*entry & COW))
        return -1;
    u64 old = FRAME(*entry);
    if (!frame_is_shared(old)) {
        *entry = (*entry | W) & ~COW;
        fence_address(address, p);
        return 0;
    }
    void *new = frame_alloc();
    if (!new)
        return -1;
    copy_page(new, (void *)old);
    *entry = ENTRY(new, ((*entry | W) & ~COW) & 1023);
    changed(p);
    frame_drop(old);
    return 0;
}

// Takes one page away from the program.
int space_drop(struct proc *p, u64 address)
{
    u64 *entry = entry_of(p->root, address, 0);
    if (!entry || !(*entry & V))
        return -1;
    u64 frame = FRAME(*entry);
    *entry = 0;
#if MISTAKE == 6
    frame_drop(frame);
#else
    changed(p);
    frame_drop(frame);
#endif
    return 0;
}

// Copies to a program's memory; a shared page is copied first, as the program's own store would do.
int copyout(struct proc *p, u64 address, const void *from, u64 count)
{
    const u8 *bytes = from;
    for (u64 i = 0; i < count; i++) {
        u64 *entry = entry_of(p->root, address + i, 0);
        if (!entry || !(*entry & V) || !(*entry & U))
            return -1;
#if MISTAKE != 9
        if (!(*entry & W) && space_write_fault(p, address + i) < 0)
            return -1;
#endif
        *(u8 *)(FRAME(*entry) + (address + i) % PAGE) = bytes[i];
    }
    return 0;
}

// Gives back every page and table of a process that runs nowhere.
void space_free(struct proc *p)
{
    u64 *middle = p->root[1] & V ? (u64 *)FRAME(p->root[1]) : 0;
    for (int i = 0; middle && i < 512; i++) {
        if (!(middle[i] & V))
            continue;
        u64 *last = (u64 *)FRAME(middle[i]);
        for (int j = 0; j < 512; j++)
            if (last[j] & V)
                frame_drop(FRAME(last[j]));
        frame_drop((u64)last);
    }
    if (middle)
        frame_drop((u64)middle);
    frame_drop((u64)p->root);
    p->root = 0;
    p->generation++;
}

// This hart is about to run the process.
void space_enter(struct proc *p)
{
    u64 *seen = &cpus[hart()].seen[p - procs];
    stack_forget(p);
    csr_write(satp, space_satp(p));
    if (*seen != p->generation) {
        fence_space(p);
        *seen = p->generation;
    }
    asm volatile("fence.i" : : : "memory");
}
