// Frames of memory and how many entries refer to each.

#include "class.h"

extern char kernel_end[];

static struct lock lock;
static void *free_list;
#if CLASS_MISTAKE == 8
static u8 counts[(RAM_END - RAM) / PAGE];
#else
static u32 counts[(RAM_END - RAM) / PAGE];
#endif

void fill(void *to, int byte, u64 count)
{
    u64 *words = to;
    u64 word = byte * 0x0101010101010101UL;
    for (u64 i = 0; i < count / 8; i++)
        words[i] = word;
}

void copy(void *to, const void *from, u64 count)
{
    u8 *t = to;
    const u8 *f = from;
    while (count && ((u64)t | (u64)f | count) % 8) {
        *t++ = *f++;
        count--;
    }
    for (u64 i = 0; i < count / 8; i++)
        ((u64 *)t)[i] = ((const u64 *)f)[i];
}

void frames_init(void)
{
    u64 first = ((u64)kernel_end + PAGE - 1) / PAGE * PAGE;
    for (u64 frame = first; frame < RAM_END; frame += PAGE) {
        *(void **)frame = free_list;
        free_list = (void *)frame;
    }
}

// A zeroed frame with one reference; 0 if there is none.
void *frame_alloc(void)
{
    acquire(&lock);
    void *frame = free_list;
    if (frame) {
        free_list = *(void **)frame;
        counts[((u64)frame - RAM) / PAGE] = 1;
    }
    release(&lock);
    if (frame)
        fill(frame, 0, PAGE);
    return frame;
}

// One more entry refers to the frame.
void frame_share(u64 frame)
{
#if CLASS_MISTAKE == 7
    counts[(frame - RAM) / PAGE] += 1;
#else
    acquire(&lock);
    counts[(frame - RAM) / PAGE] += 1;
    release(&lock);
#endif
}

int frame_is_shared(u64 frame)
{
    acquire(&lock);
    int shared = counts[(frame - RAM) / PAGE] > 1;
    release(&lock);
    return shared;
}

// One entry less refers to the frame; the last one gives it back, filled with junk.
void frame_drop(u64 frame)
{
    acquire(&lock);
    u32 left = --counts[(frame - RAM) / PAGE];
    release(&lock);
    if (left != 0)
        return;
    fill((void *)frame, 0x5a, PAGE);
    acquire(&lock);
    *(void **)frame = free_list;
    free_list = (void *)frame;
    release(&lock);
}
