// What the test programs share: the calls of the xv6 interface and a few lines of printing.
#pragma once

enum { O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREATE = 0x200, O_TRUNC = 0x400 };
enum { SBRK_EAGER = 1, SBRK_LAZY = 2 };
enum { PAGE = 4096, BLOCK = 1024 };
enum { PROT_READ = 1, PROT_WRITE = 2 };
enum { MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20 };
// Places in the counters of memstat, and how many there are.
enum { MEM_FREE = 1, MEM_CACHE = 3, MEM_KILLED = 21, MEM_COUNTERS = 24 };
enum { T_DIR = 1, T_FILE = 2, T_DEVICE = 3 };

typedef unsigned long address;

struct stat {
    int device;
    unsigned inode;
    short kind;
    short links;
    unsigned long size;
};

int fork(void);
void exit(int status) __attribute__((noreturn));
int wait(int *status);
int pipe(int ends[2]);
int read(int fd, void *buffer, int count);
int kill(int pid);
int exec(const char *path, char **argv);
int fstat(int fd, struct stat *stat);
int chdir(const char *path);
int dup(int fd);
int getpid(void);
char *sbrk(int increment);
char *sbrk_mode(int increment, int mode);
int sleep(int ticks);
int uptime(void);
int open(const char *path, int flags);
int write(int fd, const void *buffer, int count);
int mknod(const char *path, int major, int minor);
int unlink(const char *path);
int link(const char *old, const char *new);
int mkdir(const char *path);
int close(int fd);
char *mmap(void *address, unsigned long length, int protection, int flags, int fd,
           unsigned long offset);
int munmap(void *address, unsigned long length);
long pageinfo(int pid, unsigned long page, unsigned long count, unsigned long *words);
int memstat(unsigned long *counters, int count);
int procstat(int pid, unsigned long *counters, int count);
int no_such_call(void);

void fp_fill(long seed);
long fp_wrong(long seed);

// The name of the program, for its messages.
extern const char program[];

int main();

// Prints text, numbers and text, as printf with %s and %d alone.
void print(const char *format, ...);
int same(const void *one, const void *two, unsigned long count);
void fill(void *to, int byte, unsigned long count);

// The decimal number that a text begins with.
long number(const char *text);
// The argument with this index, or the value if there are not so many.
long argument(int argc, char **argv, int index, long otherwise);
// What one of the counters of memstat says.
unsigned long memory(int counter);
// Does nothing, in a child.
void nothing(address unused);
// Microseconds since boot.
unsigned long microseconds(void);
// Starts so many children that run a function with their number, which does not return.
void start_hogs(int *pids, int count, void (*hog)(int));
// Kills and reaps as many.
void end_hogs(const int *pids, int count);
// Kills and reaps a child.
void end_child(int pid);
// Makes mappings of one page whose rights alternate, so that they cannot merge; how many it got.
int unmergeable(int wanted);
// Takes and touches all the memory that it can be promised; how many bytes.
unsigned long eat(void);
// Touches every page.
void touch_pages(volatile char *from, unsigned long length);

// Ends the program with status 1 unless the condition holds.
#define check(condition) ((condition) ? (void)0 : failed(__LINE__, #condition))
void failed(int line, const char *condition) __attribute__((noreturn));

// Runs a function in a child; the status it ends with (-1 if it was killed).
int status_of(void (*child)(address), address argument);
