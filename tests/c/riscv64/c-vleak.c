// layout: two segments, entry start
// Vector registers, on a processor that has them: no process may see what another has left there,
// and none may lose what it put there. A kernel that does not keep them ends who uses them.
#include "lib.h"

const char program[] = "c-vleak";

enum { SECRET = 123456789, TICKS = 3, LOST = 2, SEEN = 3 };

static void put(unsigned long value)
{
    __asm__ volatile(".option push\n.option arch, +v\n"
                     "vsetivli zero, 2, e64, m1, ta, ma\n"
                     "vmv.v.x v8, %0\n.option pop" ::"r"(value));
}

static unsigned long get(void)
{
    unsigned long value;
    __asm__ volatile(".option push\n.option arch, +v\n"
                     "vsetivli zero, 2, e64, m1, ta, ma\n"
                     "vmv.x.s %0, v8\n.option pop" : "=r"(value));
    return value;
}

static void owner(address value)
{
    put(value);
    for (int tick = 0; tick < TICKS; tick++) {
        sleep(1);
        if (get() != value)
            exit(LOST);
    }
}

static void other_program(address name)
{
    char *arguments[] = {(char *)name, "look", 0};
    exec((char *)name, arguments);
    exit(1);
}

static void judge(const char *who, int status)
{
    print("%s: %s %s\n", program, who,
          status == 0 ? "keeps to itself" : status == -1 ? "was ended" : "FAILED");
    check(status == 0 || status == -1);
}

int main(int argc, char **argv)
{
    int status;
    if (argc > 1)
        exit(get() == 0 ? 0 : SEEN);
    int pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        owner(SECRET);
        exit(0);
    }
    sleep(1);
    int other = fork();
    check(other >= 0);
    if (other == 0)
        other_program((address)argv[0]);
    for (int ended = 0; ended < 2; ended++) {
        int who = wait(&status);
        judge(who == pid ? "an owner" : "another program", status);
    }
    judge("a later owner", status_of(owner, SECRET + 1));
    print("%s: OK\n", program);
    return 0;
}
