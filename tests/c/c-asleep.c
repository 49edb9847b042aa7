// layout: two segments, entry start
// Runs a program once a process of a name has come to a state and all others sleep, however long
// that takes. Arguments: the name, the number of the state, the program and its arguments.
#include "lib.h"

const char program[] = "c-asleep";

enum { COUNTERS = 13, STATE = COUNTERS + 1, NAME, WORDS = NAME + 2, SLEEPING = 2 };
// Processes that this one's elders may have started after it.
enum { YOUNGER = 8, PROGRAM = 3 };

static int is_named(const unsigned long *words, const char *name)
{
    const char *own = (const char *)&words[NAME];
    while (*own == *name && *name != 0)
        own++, name++;
    return *own == *name;
}

static int settled(const char *name, unsigned long state)
{
    unsigned long words[WORDS + 1];
    int found = 0;
    words[WORDS] = 0;
    for (int pid = 1; pid <= getpid() + YOUNGER; pid++) {
        if (pid == getpid() || procstat(pid, words, WORDS) < 0)
            continue;
        if (is_named(words, name) && words[STATE] == state)
            found = 1;
        else if (words[STATE] != SLEEPING)
            return 0;
    }
    return found;
}

int main(int argc, char **argv)
{
    int status;
    check(argc > PROGRAM);
    while (!settled(argv[1], number(argv[2])))
        sleep(1);
    if (fork() == 0) {
        exec(argv[PROGRAM], argv + PROGRAM);
        check(0);
    }
    check(wait(&status) > 0);
    return status;
}
