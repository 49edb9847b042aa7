// The first process of the grader's own disk: instead of init and a shell.
//
// It takes all memory but some from the tests, so that a test for too little memory is short; then
// it starts what is typed, line by line. Nothing of a student's programs is
// needed.
#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "user/user.h"

#define PAGE 4096
// What the tests get.
#define LEFT 1800
#define WORDS 8
#define CONSOLE 1

static void print(const char *text)
{
    write(1, text, strlen(text));
}

// Takes memory in ever smaller pieces, gives some back, and never ends.
static void take_most(int done, int never)
{
    char byte;
    for (int piece = 4096; piece > 0; piece /= 8)
        for (;;) {
            char *at = sbrk(piece * PAGE);
            if (at == (char *)-1)
                break;
            for (int page = 0; page < piece; page++)
                at[(long)page * PAGE] = 1;
        }
    sbrk(-LEFT * PAGE);
    write(done, "x", 1);
    for (;;)
        read(never, &byte, 1);
}

static void leave_little(void)
{
    int ends[2], never[2];
    char byte;
    if (pipe(ends) < 0 || pipe(never) < 0)
        return;
    if (fork() == 0) {
        close(ends[0]);
        take_most(ends[1], never[0]);
    }
    close(ends[1]);
    read(ends[0], &byte, 1);
    close(ends[0]);
    close(never[0]);
    close(never[1]);
}

static int split(char *line, char **words)
{
    int count = 0;
    while (*line && count < WORDS - 1) {
        while (*line == ' ')
            *line++ = 0;
        if (*line)
            words[count++] = line;
        while (*line && *line != ' ')
            line++;
    }
    words[count] = 0;
    return count;
}

static int read_line(char *line, int size)
{
    int length = 0;
    char byte;
    while (length < size - 1 && read(0, &byte, 1) == 1 && byte != '\n')
        line[length++] = byte;
    line[length] = 0;
    return length;
}

int main(void)
{
    char line[128], *words[WORDS];
    if (open("console", O_RDWR) < 0) {
        mknod("console", CONSOLE, 0);
        open("console", O_RDWR);
    }
    dup(0);
    dup(0);
    print("init: taking memory\n");
    leave_little();
    for (;;) {
        int status = 0;
        print("\n$ ");
        if (read_line(line, sizeof line) == 0 || split(line, words) == 0)
            continue;
        int pid = fork();
        if (pid == 0) {
            exec(words[0], words);
            print("no such program\n");
            exit(1);
        }
        // Orphans come here, too.
        while (pid > 0 && wait(&status) != pid)
            ;
    }
}
