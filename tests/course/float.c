// Several processes with numbers in the floating-point registers at once.
#include "user.h"

enum { CHILDREN = 6, STEPS = 1000000 };

// The sum of a sequence that depends on `seed`, in registers all the way.
static double sum(int seed)
{
    double a = seed, b = 1, c = 0;
    for (int step = 1; step < STEPS; step++) {
        a = a * 0.999 + 1;
        b = b * 0.5 + a;
        c += b / step;
    }
    return c;
}

int main(void)
{
    double expected[CHILDREN];
    for (int i = 0; i < CHILDREN; i++)
        expected[i] = sum(i);
    for (int i = 0; i < CHILDREN; i++) {
        int pid = fork();
        if (pid < 0) {
            printf("float: fork failed\n");
            exit(1);
        }
        if (pid == 0)
            exit(sum(i) == expected[i] ? 0 : 1);
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;
        if (wait(&status) < 0 || status != 0) {
            printf("float: a child computed something else\n");
            exit(1);
        }
    }
    printf("float: OK, %d\n", (int)expected[0]);
    END(0);
}
