// A program's memory: Sv39 tables with the kernel in them, copy-on-write fork, and the kernel's own
// reads and writes.

#include "class.h"

static u64 *kernel_root;

static void fence(void)
{
    asm volatile("sfence.vma" : : : "memory");
}

static u64 satp_of(u64 *root)
{
    return 8UL << 60 | (u64)root / PAGE;
}

u64 kernel_satp(void)
{
    return satp_of(kernel_root);
}

void kernel_space_init(void)
{
    struct space space;
    if (space_new(&space) < 0)
        panic("no memory for the kernel");
    kernel_root = space.root;
}

void space_enter(struct space *space)
{
    csr_write(satp, satp_of(space->root));
    fence();
    asm volatile("fence.i" : : : "memory");
}

// An address space with nothing but the kernel.
int space_new(struct space *space)
{
    space->root = frame_alloc();
    space->size = 0;
    if (!space->root)
        return -1;
    space->root[1] = ENTRY(0, V | R | W | G | 0xc0);
    space->root[2] = ENTRY(RAM, V | R | W | X | G | 0xc0);
    return 0;
}

// The entry for an address of the program; 0 if there is no table and none is or can be made.
static u64 *entry_of(struct space *space, u64 address, int make)
{
    if (address >= USER_END)
        return 0;
    u64 *table = space->root;
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

void space_shrink(struct space *space, u64 size)
{
    u64 first = (size + PAGE - 1) / PAGE * PAGE;
    for (u64 at = first; at < space->size; at += PAGE) {
        u64 *entry = entry_of(space, at, 0);
        if (entry && *entry & V) {
            frame_drop(FRAME(*entry));
            *entry = 0;
        }
    }
    space->size = size;
    fence();
}

// Adds zeroed pages up to `size`; all or none.
int space_grow(struct space *space, u64 size, u64 rights)
{
    u64 old = space->size;
    if (size > USER_END)
        return -1;
    for (u64 at = (old + PAGE - 1) / PAGE * PAGE; at < size; at += PAGE) {
        void *frame = frame_alloc();
        u64 *entry = frame ? entry_of(space, at, 1) : 0;
        if (!entry) {
            if (frame)
                frame_drop((u64)frame);
            space_shrink(space, old);
            return -1;
        }
        *entry = ENTRY(frame, V | U | rights);
        space->size = at + PAGE;
    }
    space->size = size;
    return 0;
}

// Takes a page from the program's sight: the guard below its stack.
void space_hide(struct space *space, u64 address)
{
    *entry_of(space, address, 0) &= ~U;
}

// Gives the child the parent's pages; both lose the right to write what only one may.
int space_fork(struct space *parent, struct space *child)
{
    for (u64 at = 0; at < parent->size; at += PAGE) {
        u64 *entry = entry_of(parent, at, 0);
        u64 *other = entry_of(child, at, 1);
        if (!entry || !other) {
#if CLASS_MISTAKE != 12
            child->size = at;
            space_shrink(child, 0);
#endif
            fence();
            return -1;
        }
        frame_share(FRAME(*entry));
        *other = *entry;
#if CLASS_MISTAKE == 3
        if (*entry & W)
            *other = (*entry & ~W) | COW;
#elif CLASS_MISTAKE == 6
        *other = *entry & W ? (*entry & ~W) | COW : *entry & ~COW;
        if (*entry & W)
            *entry = *other;
#else
        if (*entry & W)
            *other = *entry = (*entry & ~W) | COW;
#endif
    }
    child->size = parent->size;
    fence();
    return 0;
}

// Makes a page writable that fork has shared. Returns -1 if the program may not write it, or if
// there is no memory for a copy.
int space_write(struct space *space, u64 address)
{
    u64 *entry = entry_of(space, address, 0);
#if CLASS_MISTAKE == 16
    if (!entry || !(*entry & V))
        panic("space_write: no page");
#endif
#if CLASS_MISTAKE == 15
    if (!entry || !(*entry & V))
        return -1;
    *entry |= *entry & U ? 0 : U | COW;
#else
    if (!entry || !(*entry & V) || !(*entry & U))
        return -1;
#endif
    if (*entry & W)
        return 0;
#if CLASS_MISTAKE != 5
    if (!(*entry & COW))
        return -1;
#endif
    u64 old = FRAME(*entry);
    u64 rights = ((*entry | W) & ~COW) & 1023;
    if (frame_is_shared(old)) {
        void *new = frame_alloc();
#if CLASS_MISTAKE == 9
        if (!new)
            return 0;
#elif CLASS_MISTAKE == 11
        if (!new)
            panic("space_write: no memory");
#elif CLASS_MISTAKE != 10
        if (!new)
            return -1;
#endif
        copy(new, (void *)old, PAGE);
        *entry = ENTRY(new, rights);
        fence();
#if CLASS_MISTAKE != 4
        frame_drop(old);
#endif
    } else {
        *entry = ENTRY(old, rights);
        fence();
    }
    return 0;
}

// Copies to or from a program's memory, page by page. `write` says which.
static int transfer(struct space *space, u64 address, u8 *bytes, u64 count, int write)
{
    while (count > 0) {
        u64 *entry = entry_of(space, address, 0);
        if (!entry || !(*entry & V) || !(*entry & U))
            return -1;
#if CLASS_MISTAKE == 1
        if (write && !(*entry & W))
            return -1;
#elif CLASS_MISTAKE == 2
        if (write && !(*entry & (W | COW)))
            return -1;
#else
        if (write && space_write(space, address) < 0)
            return -1;
#endif
        u64 piece = PAGE - address % PAGE;
        if (piece > count)
            piece = count;
        u8 *there = (u8 *)FRAME(*entry) + address % PAGE;
        if (write)
            copy(there, bytes, piece);
        else
            copy(bytes, there, piece);
        address += piece;
        bytes += piece;
        count -= piece;
    }
    return 0;
}

int copy_out(struct space *space, u64 address, const void *from, u64 count)
{
    return transfer(space, address, (u8 *)from, count, 1);
}

int copy_in(struct space *space, void *to, u64 address, u64 count)
{
    return transfer(space, address, to, count, 0);
}

// A text with its NUL; -1 if it is longer or not the program's.
int copy_text(struct space *space, char *to, u64 address, u64 size)
{
    for (u64 i = 0; i < size; i++) {
        if (copy_in(space, to + i, address + i, 1) < 0)
            return -1;
        if (!to[i])
            return 0;
    }
    return -1;
}

// Fills pages that the program may not write.
int space_load(struct space *space, u64 address, const void *from, u64 count)
{
    for (u64 i = 0; i < count; i += PAGE) {
        u64 *entry = entry_of(space, address + i, 0);
        if (!entry || !(*entry & V))
            return -1;
        copy((void *)FRAME(*entry), (const u8 *)from + i, count - i < PAGE ? count - i : PAGE);
    }
    return 0;
}

// Gives back every page and table of a space that no hart uses.
void space_free(struct space *space)
{
    space_shrink(space, 0);
    u64 *middle = space->root[0] & V ? (u64 *)FRAME(space->root[0]) : 0;
#if CLASS_MISTAKE != 14
    for (int i = 0; middle && i < 512; i++)
        if (middle[i] & V)
            frame_drop(FRAME(middle[i]));
#endif
    if (middle)
        frame_drop((u64)middle);
    frame_drop((u64)space->root);
    space->root = 0;
}
