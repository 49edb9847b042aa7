// The first program: makes the console, runs the shell for ever.
#include "user.h"

static char *arguments[] = {"sh", 0};

int main(void)
{
    if (open("console", O_RDWR) < 0) {
        mknod("console", CONSOLE, 0);
        open("console", O_RDWR);
    }
    dup(0);
    dup(0);
    for (;;) {
        printf("init: starting sh\n");
        int shell = fork();
        if (shell < 0) {
            printf("init: no process for sh\n");
            exit(1);
        }
        if (shell == 0) {
            exec("sh", arguments);
            printf("init: cannot run sh\n");
            exit(1);
        }
        // Orphans end here too.
        int ended;
        do
            ended = wait(0);
        while (ended >= 0 && ended != shell);
        if (ended < 0) {
            printf("init: nothing to wait for\n");
            exit(1);
        }
    }
}
