// Frames of memory and how many entries refer to each.

#include "lab.h"

extern char kernel_end[];

static struct lock lock;
static void *free_list;
static int counts[(RAM_END - RAM) / PAGE];

static int *count_of(u64 frame)
{
    return &counts[(frame - RAM) / PAGE];
}

void fill(void *to, int byte, u64 count)
{
    u64 *words = to;
    u64 word = byte * 0x0101010101010101UL;
    for (u64 i = 0; i < count / 8; i++)
        words[i] = word;
}

void copy_page(void *to, const void *from)
{
    u64 *t = to;
    const u64 *f = from;
    for (u64 i = 0; i < PAGE / 8; i++)
        t[i] = f[i];
}

void frames_init(void)
{
    u64 first = ((u64)kernel_end + PAGE - 1) / PAGE * PAGE;
    for (u64 frame = first; frame < RAM_END; frame += PAGE) {
        *(void **)frame = free_list;
        free_list = (void *)frame;
    }
}

// A zeroed frame that one entry will refer to; 0 if there is none.
void *frame_alloc(void)
{
    acquire(&lock);
    void *frame = free_list;
    if (frame) {
        free_list = *(void **)frame;
        *count_of((u64)frame) = 1;
    }
    release(&lock);
    if (frame)
        fill(frame, 0, PAGE);
    return frame;
}

// One more entry refers to the frame.
void frame_share(u64 frame)
{
#if MISTAKE == 4
    *count_of(frame) += 1;
#else
    acquire(&lock);
    *count_of(frame) += 1;
    release(&lock);
#endif
}

int frame_is_shared(u64 frame)
{
#if MISTAKE == 5
    return *count_of(frame) > 1;
#else
    acquire(&lock);
    int shared = *count_of(frame) > 1;
    release(&lock);
    return shared;
#endif
}

// One entry less refers to the frame; the last one gives it back, filled with junk.
void frame_drop(u64 frame)
{
    acquire(&lock);
    int left = *count_of(frame) -= 1;
    release(&lock);
    if (left != 0)
        return;
    fill((void *)frame, 0x5a, PAGE);
    acquire(&lock);
    *(void **)frame = free_list;
    free_list = (void *)frame;
    release(&lock);
}
