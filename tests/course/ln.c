// Gives a file a second name.
#include "user.h"

int main(int argc, char **argv)
{
    if (argc != 3 || link(argv[1], argv[2]) < 0) {
        fprintf(2, "ln: failed\n");
        exit(1);
    }
    END(0);
}
