// The calls of the system and the library, under the names that programs of the courses use.
#pragma once

#include "kernel/types.h"

#define SBRK_EAGER 1
#define SBRK_LAZY 2
#define SBRK_ERROR ((char *)-1)

struct stat;

int fork(void);
int exit(int status) __attribute__((noreturn));
int wait(int *status);
int pipe(int *ends);
int write(int fd, const void *bytes, int count);
int read(int fd, void *bytes, int count);
int close(int fd);
int kill(int pid);
int exec(const char *path, char **arguments);
int open(const char *path, int flags);
int mknod(const char *path, short major, short minor);
int unlink(const char *path);
int fstat(int fd, struct stat *about);
int link(const char *old, const char *new);
int mkdir(const char *path);
int chdir(const char *path);
int dup(int fd);
int getpid(void);
char *sys_sbrk(int increment, int mode);
int sleep(int ticks);
int pause(int ticks);
int uptime(void);

char *sbrk(int increment);
char *sbrklazy(int increment);
int stat(const char *path, struct stat *about);
char *gets(char *line, int size);

char *strcpy(char *to, const char *from);
char *strchr(const char *text, char byte);
int strcmp(const char *one, const char *other);
uint strlen(const char *text);
void *memset(void *to, int byte, uint count);
void *memmove(void *to, const void *from, int count);
void *memcpy(void *to, const void *from, uint count);
int memcmp(const void *one, const void *other, uint count);
int atoi(const char *digits);

void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fprintf(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *malloc(uint bytes);
void free(void *memory);
