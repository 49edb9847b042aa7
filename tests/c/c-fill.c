// layout: one segment, entry main
// Fills the disk: writing fails when it is full, what was written stays, and removing makes room.
#include "lib.h"

const char program[] = "c-fill";

enum { FILES = 100, FILE_BLOCKS = 256 };

static char block[BLOCK], back[BLOCK], name[] = "fill00";

static void name_file(int number)
{
    name[4] = '0' + number / 10;
    name[5] = '0' + number % 10;
}

int main(void)
{
    int files = 0, blocks = 0, full = 0;
    for (; files < FILES && !full; files++) {
        name_file(files);
        int fd = open(name, O_CREATE | O_RDWR);
        if (fd < 0)
            break;
        for (int i = 0; i < FILE_BLOCKS && !full; i++) {
            fill(block, files + i, sizeof block);
            full = write(fd, block, sizeof block) != sizeof block;
            blocks += !full;
        }
        close(fd);
    }
    print("%s: the disk is full after %d blocks\n", program, (long)blocks);
    check(full && blocks > 0);

    for (int number = 0, left = blocks; number < files; number++) {
        name_file(number);
        int fd = open(name, O_RDONLY);
        check(fd >= 0);
        for (int i = 0; i < FILE_BLOCKS && left > 0; i++, left--) {
            fill(block, number + i, sizeof block);
            check(read(fd, back, sizeof back) == sizeof back && same(back, block, sizeof back));
        }
        close(fd);
        check(unlink(name) == 0);
    }
    exit(0);
}
