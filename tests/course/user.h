// What the course gives its programs: the calls of the system, and a small library.
//
// COURSE is the year. Until 2022 a program begins at main and ends by calling exit, sbrk takes one
// argument and waiting is called sleep; in 2025 a start calls main and exits with what it returns,
// the break has two modes and waiting is called pause.
#pragma once

enum { O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREATE = 0x200, O_TRUNC = 0x400 };
enum { T_DIR = 1, T_FILE = 2, T_DEVICE = 3 };
enum { CONSOLE = 1, NAME = 14, PAGE = 4096 };

struct stat {
    int device;
    unsigned inode;
    short type;
    short links;
    unsigned long size;
};

struct dirent {
    unsigned short inode;
    char name[NAME];
};

int fork(void);
int exit(int) __attribute__((noreturn));
int wait(int *);
int pipe(int *);
int read(int, void *, int);
int kill(int);
int exec(const char *, char **);
int fstat(int, struct stat *);
int chdir(const char *);
int dup(int);
int getpid(void);
int uptime(void);
int open(const char *, int);
int write(int, const void *, int);
int mknod(const char *, short, short);
int unlink(const char *);
int link(const char *, const char *);
int mkdir(const char *);
int close(int);

#if COURSE >= 2025
enum { SBRK_EAGER = 1, SBRK_LAZY = 2 };
char *sys_sbrk(int, int);
char *sbrk(int);
int pause(int);
// Programs return from main.
#define END(status) return status
#else
char *sbrk(int);
int sleep(int);
// Nobody is there to return to.
#define END(status) exit(status)
#endif

int stat(const char *, struct stat *);
char *gets(char *, int);
unsigned long strlen(const char *);
int strcmp(const char *, const char *);
char *strcpy(char *, const char *);
int atoi(const char *);
void *memset(void *, int, unsigned long);
void *memcpy(void *, const void *, unsigned long);

void *malloc(unsigned);
void free(void *);

void printf(const char *, ...) __attribute__((format(printf, 1, 2)));
void fprintf(int, const char *, ...) __attribute__((format(printf, 2, 3)));
