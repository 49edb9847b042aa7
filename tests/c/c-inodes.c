// layout: one segment, entry main
// Uses up the inodes: creating fails when there are none, and removing gives them back.
#include "lib.h"

const char program[] = "c-inodes";

enum { FILES = 1000 };

static char name[] = "empty000";

static const char *nth(int number)
{
    name[5] = '0' + number / 100;
    name[6] = '0' + number / 10 % 10;
    name[7] = '0' + number % 10;
    return name;
}

static int make_all(void)
{
    int files = 0;
    for (; files < FILES; files++) {
        int fd = open(nth(files), O_CREATE | O_RDWR);
        if (fd < 0)
            break;
        close(fd);
    }
    return files;
}

int main(void)
{
    int files = make_all();
    print("%s: no inode after %d files\n", program, (long)files);
    check(files > 0 && files < FILES);
    check(mkdir("directory") == -1 && mknod("device", 9, 0) == -1);
    for (int i = 0; i < files; i++)
        check(unlink(nth(i)) == 0);
    check(make_all() == files);
    for (int i = 0; i < files; i++)
        check(unlink(nth(i)) == 0);
    exit(0);
}
