// Starting a program: its ELF file is part of the kernel.

#include "class.h"

struct program {
    const char *name;
    const u8 *start, *end;
};

extern const struct program programs[], programs_end[];

// The parts of an ELF-64 file that are needed.
struct elf {
    u8 identity[24];
    u64 entry, headers;
    u8 other[16];
    unsigned short size, header_size, count;
};

struct segment {
    u32 type, flags;
    u64 offset, address, physical, file_size, memory_size, alignment;
};

enum { LOAD = 1, WRITABLE = 2, ARGUMENTS = 32 };

static const struct program *find(const char *path)
{
    while (*path == '/')
        path++;
    for (const struct program *p = programs; p < programs_end; p++)
        if (same(p->name, path))
            return p;
    return 0;
}

// Builds the memory of a program; the stack is its last page.
static int build(struct space *space, const struct program *program)
{
    const struct elf *elf = (const struct elf *)program->start;
    for (int i = 0; i < elf->count; i++) {
        const struct segment *s = (const struct segment *)(program->start + elf->headers) + i;
        if (s->type != LOAD)
            continue;
        if (s->file_size > s->memory_size || s->address % PAGE)
            return -1;
        u64 rights = s->flags & WRITABLE ? R | W | X : R | X;
        if (space_grow(space, s->address + s->memory_size, rights) < 0 ||
            space_load(space, s->address, program->start + s->offset, s->file_size) < 0)
            return -1;
    }
    u64 guard = (space->size + PAGE - 1) / PAGE * PAGE;
    if (space_grow(space, guard + 2 * PAGE, R | W) < 0)
        return -1;
    space_hide(space, guard);
    return 0;
}

// Puts the arguments of the calling process on the new stack. Returns how many, or -1.
static int push(struct space *space, u64 from, u64 *sp, u64 *vector)
{
    static char text[PAGE];
    static struct lock lock;
    u64 places[ARGUMENTS + 1];
    u64 bottom = *sp - PAGE;
    int count = 0;
    for (; from; count++) {
        u64 address;
        if (count == ARGUMENTS ||
            copy_in(&me()->space, &address, from + 8 * count, sizeof address) < 0)
            return -1;
        if (!address)
            break;
        acquire(&lock);
        u64 length = 0;
        int bad = copy_text(&me()->space, text, address, PAGE) < 0;
        while (!bad && text[length])
            length++;
        *sp = (*sp - length - 1) & ~15UL;
        bad = bad || *sp < bottom + 512 || copy_out(space, *sp, text, length + 1) < 0;
        release(&lock);
        if (bad)
            return -1;
        places[count] = *sp;
    }
    places[count] = 0;
    *sp = (*sp - 8 * (count + 1)) & ~15UL;
    *vector = *sp;
    return copy_out(space, *sp, places, 8 * (count + 1)) < 0 ? -1 : count;
}

// Replaces the memory of the calling process. Returns the number of arguments, or -1 and nothing
// has changed.
int exec(const char *path, u64 arguments)
{
    struct proc *p = me();
    struct space space;
    const struct program *program = find(path);
    if (!program || space_new(&space) < 0)
        return -1;
    u64 sp = 0, vector = 0;
    int count = build(&space, program);
    if (count == 0) {
        sp = space.size;
        count = push(&space, arguments, &sp, &vector);
    }
    if (count < 0) {
#if CLASS_MISTAKE != 13
        space_free(&space);
#endif
        return -1;
    }
    struct space old = p->space;
    p->space = space;
    space_enter(&space);
    space_free(&old);
    p->frame->pc = ((const struct elf *)program->start)->entry;
    p->frame->x[2] = sp;
    p->frame->x[11] = vector;
    return count;
}
