// layout: one segment, entry main
// The oldest shape of a program: main is the entry point and must call exit itself.
#include "lib.h"

const char program[] = "c-hello";

int main(int argc, char **argv)
{
    print("%s: %d arguments: ", program, (long)argc);
    for (int i = 0; i < argc; i++)
        print("%s,", argv[i]);
    print("\n");
    check(argv[argc] == 0);
    exit(7);
}
