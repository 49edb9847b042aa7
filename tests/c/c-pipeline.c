// layout: one segment, entry main
// A pipeline of more than a hundred processes: each adds one to every byte that passes.
#include "lib.h"

const char program[] = "c-pipeline";

enum { STAGES = 150, BYTES = 16 * 1024, PIECE = 700 };

static char buffer[PIECE];

// Writes the numbers of the bytes; ends when nobody is left to read them.
static void source(int to)
{
    for (int done = 0; done < BYTES;) {
        int count = BYTES - done < PIECE ? BYTES - done : PIECE;
        for (int i = 0; i < count; i++)
            buffer[i] = done + i;
        check(write(to, buffer, count) == count);
        done += count;
    }
    exit(0);
}

static void stage(int from, int to)
{
    for (int count; (count = read(from, buffer, PIECE)) > 0;) {
        for (int i = 0; i < count; i++)
            buffer[i]++;
        check(write(to, buffer, count) == count);
    }
    exit(0);
}

int main(void)
{
    int from = -1, done = 0, count;
    for (int i = 0; i <= STAGES; i++) {
        int ends[2];
        check(pipe(ends) == 0);
        int pid = fork();
        check(pid >= 0);
        if (pid == 0) {
            close(ends[0]);
            if (i == 0)
                source(ends[1]);
            stage(from, ends[1]);
        }
        close(from);
        close(ends[1]);
        from = ends[0];
    }
    while ((count = read(from, buffer, PIECE)) > 0) {
        for (int i = 0; i < count; i++)
            check((unsigned char)buffer[i] == (unsigned char)(done + i + STAGES));
        done += count;
    }
    check(done == BYTES);
    for (int i = 0, status; i <= STAGES; i++)
        check(wait(&status) > 0 && status == 0);
    print("%s: %d bytes through %d processes\n", program, (long)done, (long)STAGES);
    exit(0);
}
