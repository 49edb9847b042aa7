// layout: two segments, entry start
// So many children that sleep for very long; says when all of them do. Argument: how many.
#include "lib.h"

const char program[] = "c-sleepers";

int main(int argc, char **argv)
{
    int children = argument(argc, argv, 1, 100), status;
    for (int i = 0; i < children; i++) {
        int pid = fork();
        check(pid >= 0);
        if (pid == 0) {
            sleep(1000000);
            exit(0);
        }
    }
    sleep(2);
    print("%s: %d asleep\n", program, children);
    while (wait(&status) > 0)
        ;
    return 0;
}
