// First fit over a list of free pieces in the order of their addresses; the break gives more.
#include "user.h"

struct piece {
    struct piece *next;
    unsigned long size; // Bytes, this header included.
};

enum { GRAIN = sizeof(struct piece), LEAST = 16 * PAGE };

static struct piece anchor;

static void insert(struct piece *piece)
{
    struct piece *before = &anchor;
    while (before->next && before->next < piece)
        before = before->next;
    piece->next = before->next;
    before->next = piece;
    struct piece *next = piece->next;
    if (next && (char *)piece + piece->size == (char *)next) {
        piece->size += next->size;
        piece->next = next->next;
    }
    if (before != &anchor && (char *)before + before->size == (char *)piece) {
        before->size += piece->size;
        before->next = piece->next;
    }
}

void free(void *memory)
{
    if (memory)
        insert((struct piece *)memory - 1);
}

static int more(unsigned long size)
{
    size = size < LEAST ? LEAST : size;
    char *memory = sbrk(size);
    if (memory == (char *)-1)
        return 0;
    struct piece *piece = (struct piece *)memory;
    piece->size = size;
    insert(piece);
    return 1;
}

void *malloc(unsigned bytes)
{
    unsigned long size = (bytes + 2 * GRAIN - 1) / GRAIN * GRAIN;
    do {
        for (struct piece *before = &anchor; before->next; before = before->next) {
            struct piece *piece = before->next;
            if (piece->size < size)
                continue;
            if (piece->size == size) {
                before->next = piece->next;
            } else {
                piece->size -= size;
                piece = (struct piece *)((char *)piece + piece->size);
                piece->size = size;
            }
            return piece + 1;
        }
    } while (more(size));
    return 0;
}
