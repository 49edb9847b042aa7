// Memory in blocks, with one list of the free ones in the order of their addresses. A request takes
// the first free block that is large enough, and leaves what it does not need. A block that is
// freed is joined with free neighbours, so a program that frees all gets large blocks again.
#include "user/user.h"

enum { ALIGNMENT = 16, SMALLEST = 32, CHUNK = 64 * 1024, LARGEST = 1 << 30 };

// In front of what the program uses.
struct block {
    uint64 size; // with this header
    struct block *next;
};

static struct block *free_blocks;

static char *end_of(struct block *block)
{
    return (char *)block + block->size;
}

// Joins a free block with the next one if no byte is between them.
static void join(struct block *block)
{
    struct block *next = block->next;
    if (next && end_of(block) == (char *)next) {
        block->size += next->size;
        block->next = next->next;
    }
}

void free(void *memory)
{
    if (!memory)
        return;
    struct block *block = (struct block *)memory - 1;
    struct block *before = 0, *after = free_blocks;
    while (after && after < block) {
        before = after;
        after = after->next;
    }
    block->next = after;
    if (before)
        before->next = block;
    else
        free_blocks = block;
    join(block);
    if (before)
        join(before);
}

// Gets a block of at least this size from the kernel. Returns whether it could.
static int more(uint64 size)
{
    // The program may have moved the break to any address.
    uint64 rest = -(uint64)sbrk(0) % ALIGNMENT;
    uint64 wanted = size > CHUNK ? size : CHUNK;
    char *memory = sbrk(wanted + rest);
    if (memory == SBRK_ERROR) {
        wanted = size;
        memory = sbrk(wanted + rest);
    }
    if (memory == SBRK_ERROR)
        return 0;
    struct block *block = (struct block *)(memory + rest);
    block->size = wanted;
    free(block + 1);
    return 1;
}

void *malloc(uint bytes)
{
    if (bytes > LARGEST)
        return 0;
    uint64 size = sizeof(struct block) + bytes;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    for (;;) {
        for (struct block **place = &free_blocks; *place; place = &(*place)->next) {
            struct block *block = *place;
            if (block->size < size)
                continue;
            *place = block->next;
            if (block->size - size >= SMALLEST) {
                struct block *rest = (struct block *)((char *)block + size);
                rest->size = block->size - size;
                rest->next = block->next;
                *place = rest;
                block->size = size;
            }
            return block + 1;
        }
        if (!more(size))
            return 0;
    }
}
