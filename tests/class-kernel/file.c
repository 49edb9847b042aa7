// The console and pipes, behind descriptors.

#include "class.h"

#define ROOM 512
#define LINE 128

struct pipe {
    struct lock lock;
    u32 read, written;
    int readers, writers;
    char bytes[ROOM];
};

// A pipe's end, or the console if there is none.
struct file {
    int references, writes;
    struct pipe *pipe;
};

static struct lock files_lock, console_lock;
static struct file all[ALL_FILES];
static char typed[LINE];
static u32 typed_read, typed_end, typed_lines;

int same(const char *one, const char *other)
{
    while (*one && *one == *other) {
        one++;
        other++;
    }
    return *one == *other;
}

static struct file *file_of(int fd)
{
    return fd >= 0 && fd < FILES ? me()->files[fd] : 0;
}

// A new file at the lowest free descriptor; -1 if there is none.
static int file_new(struct pipe *pipe, int writes)
{
    acquire(&files_lock);
    for (int fd = 0; fd < FILES; fd++) {
        if (me()->files[fd])
            continue;
        for (struct file *file = all; file < all + ALL_FILES; file++) {
            if (file->references)
                continue;
            *file = (struct file){1, writes, pipe};
            me()->files[fd] = file;
            release(&files_lock);
            return fd;
        }
        break;
    }
    release(&files_lock);
    return -1;
}

int file_open(const char *path)
{
    return same(path, "console") ? file_new(0, 1) : -1;
}

static void share(struct file *file)
{
    acquire(&files_lock);
    file->references++;
    release(&files_lock);
}

int file_dup(int fd)
{
    struct file *file = file_of(fd);
    for (int to = 0; file && to < FILES; to++)
        if (!me()->files[to]) {
            me()->files[to] = file;
            share(file);
            return to;
        }
    return -1;
}

void files_inherit(struct proc *child)
{
    for (int fd = 0; fd < FILES; fd++) {
        child->files[fd] = me()->files[fd];
        if (child->files[fd])
            share(child->files[fd]);
    }
}

int file_close(int fd)
{
    struct file *file = file_of(fd);
    if (!file)
        return -1;
    me()->files[fd] = 0;
    acquire(&files_lock);
    int writes = file->writes, left = --file->references;
    struct pipe *pipe = file->pipe;
    release(&files_lock);
    if (left || !pipe)
        return 0;
    acquire(&pipe->lock);
    *(writes ? &pipe->writers : &pipe->readers) = 0;
    int unused = !pipe->readers && !pipe->writers;
    wake(pipe);
    release(&pipe->lock);
    if (unused)
        frame_drop((u64)pipe);
    return 0;
}

void files_close(void)
{
    for (int fd = 0; fd < FILES; fd++)
        file_close(fd);
}

int file_pipe(u64 ends_address)
{
    struct pipe *pipe = frame_alloc();
    if (!pipe)
        return -1;
    pipe->readers = pipe->writers = 1;
    int ends[2] = {file_new(pipe, 0), -1};
    if (ends[0] >= 0)
        ends[1] = file_new(pipe, 1);
    if (ends[1] >= 0 && copy_out(&me()->space, ends_address, ends, sizeof ends) == 0)
        return 0;
    if (ends[1] < 0)
        pipe->writers = 0;
    if (ends[0] < 0)
        frame_drop((u64)pipe);
    file_close(ends[0]);
    file_close(ends[1]);
    return -1;
}

static int pipe_read(struct pipe *pipe, u64 address, int count)
{
    int done = 0;
    acquire(&pipe->lock);
    while (pipe->read == pipe->written && pipe->writers && !me()->killed)
        sleep(pipe, &pipe->lock);
    for (; done < count && pipe->read != pipe->written; done++) {
        char byte = pipe->bytes[pipe->read++ % ROOM];
        if (copy_out(&me()->space, address + done, &byte, 1) < 0)
            break;
    }
    wake(pipe);
    release(&pipe->lock);
    return done;
}

static int pipe_write(struct pipe *pipe, u64 address, int count)
{
    int done = 0;
    acquire(&pipe->lock);
    while (done < count && pipe->readers && !me()->killed) {
        char byte;
        if (pipe->written - pipe->read == ROOM) {
            wake(pipe);
            sleep(pipe, &pipe->lock);
            continue;
        }
        if (copy_in(&me()->space, &byte, address + done, 1) < 0)
            break;
        pipe->bytes[pipe->written++ % ROOM] = byte;
        done++;
    }
    int readers = pipe->readers;
    wake(pipe);
    release(&pipe->lock);
    return readers ? done : -1;
}

// Takes what was typed. Any hart calls this when its timer goes off.
void console_poll(void)
{
    volatile u8 *uart = (u8 *)(DEVICES + 0x10000000UL);
    acquire(&console_lock);
    while (uart[5] & 1) {
        char byte = uart[0];
        put(byte);
        if (typed_end - typed_read < LINE)
            typed[typed_end++ % LINE] = byte;
        if (byte == '\n') {
            typed_lines++;
            wake(typed);
        }
    }
    release(&console_lock);
}

static int console_read(u64 address, int count)
{
    int done = 0;
    acquire(&console_lock);
    while (!typed_lines && !me()->killed)
        sleep(typed, &console_lock);
    while (done < count && typed_read != typed_end) {
        char byte = typed[typed_read++ % LINE];
        typed_lines -= byte == '\n';
        if (copy_out(&me()->space, address + done, &byte, 1) < 0)
            break;
        done++;
        if (byte == '\n')
            break;
    }
    release(&console_lock);
    return done;
}

static int console_write(u64 address, int count)
{
    acquire(&console_lock);
    for (int i = 0; i < count; i++) {
        char byte;
        if (copy_in(&me()->space, &byte, address + i, 1) < 0)
            break;
        put(byte);
    }
    release(&console_lock);
    return count;
}

int file_read(int fd, u64 address, int count)
{
    struct file *file = file_of(fd);
    if (!file || (file->pipe && file->writes))
        return -1;
    return file->pipe ? pipe_read(file->pipe, address, count) : console_read(address, count);
}

int file_write(int fd, u64 address, int count)
{
    struct file *file = file_of(fd);
    if (!file || !file->writes)
        return -1;
    return file->pipe ? pipe_write(file->pipe, address, count) : console_write(address, count);
}

int file_stat(int fd, u64 address)
{
    enum { DEVICE = 3 };
    // Device, inode, kind, links, size.
    struct {
        int device;
        u32 inode;
        short kind, links;
        u64 size;
    } about = {1, 1, DEVICE, 1, 0};
    return file_of(fd) ? copy_out(&me()->space, address, &about, sizeof about) : -1;
}
