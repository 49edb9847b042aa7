// Memory in blocks of powers of two, with a list of free ones for each size. A block that was freed
// serves the next request of its size; large ones are not split, nor small ones joined.
#include "user/user.h"

enum { SMALLEST = 5, LARGEST = 30, CHUNK = 16 };

// In front of every block; what is behind it is aligned to 16 bytes.
struct header {
    struct header *next;
    uint64 order;
};

static struct header *free_blocks[LARGEST + 1];

// Cuts new memory of at least a chunk into blocks of this order.
static int more(uint order)
{
    uint size = order > CHUNK ? order : CHUNK;
    char *memory = sbrk(1 << size);
    if (memory == SBRK_ERROR)
        return 0;
    for (char *block = memory; block < memory + (1L << size); block += 1L << order) {
        struct header *header = (struct header *)block;
        header->order = order;
        header->next = free_blocks[order];
        free_blocks[order] = header;
    }
    return 1;
}

void *malloc(uint bytes)
{
    uint order = SMALLEST;
    while (order <= LARGEST && bytes > (1UL << order) - sizeof(struct header))
        order++;
    if (order > LARGEST || (!free_blocks[order] && !more(order)))
        return 0;
    struct header *header = free_blocks[order];
    free_blocks[order] = header->next;
    return header + 1;
}

void free(void *memory)
{
    if (!memory)
        return;
    struct header *header = (struct header *)memory - 1;
    header->next = free_blocks[header->order];
    free_blocks[header->order] = header;
}
