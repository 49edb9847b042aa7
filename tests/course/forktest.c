// Forks until it is refused, which must be before a thousand children. Small, so that memory is not
// what ends it.
#include "user.h"

enum { MANY = 1000 };

int main(void)
{
    int ends[2], children = 0;
    char byte;
    if (pipe(ends) < 0) {
        printf("forktest: no pipe\n");
        exit(1);
    }
    for (; children < MANY; children++) {
        int pid = fork();
        if (pid < 0)
            break;
        if (pid == 0) {
            close(ends[1]);
            read(ends[0], &byte, 1);
            exit(0);
        }
    }
    if (children == MANY) {
        printf("forktest: never refused\n");
        exit(1);
    }
    close(ends[1]);
    for (int ended = 0; ended < children; ended++)
        if (wait(0) < 0) {
            printf("forktest: a child is lost\n");
            exit(1);
        }
    if (wait(0) != -1) {
        printf("forktest: a child too many\n");
        exit(1);
    }
    printf("forktest: OK\n");
    END(0);
}
