// layout: one segment, entry main
// Files: contents, sizes, names, links, directories, the largest file, shared offsets.
#include "lib.h"

const char program[] = "c-files";

enum { FILE_BLOCKS = 268 };

static char block[BLOCK], back[BLOCK];

static void contents(void)
{
    struct stat stat;
    int fd = open("contents", O_CREATE | O_RDWR);
    check(fd >= 0);
    check(write(fd, "hello", 5) == 5);
    check(fstat(fd, &stat) == 0);
    check(stat.kind == T_FILE && stat.links == 1 && stat.size == 5);
    check(read(fd, back, 1) == 0);
    close(fd);

    fd = open("contents", O_RDONLY);
    check(fd >= 0);
    check(write(fd, "x", 1) == -1);
    check(read(fd, back, sizeof back) == 5 && same(back, "hello", 5));
    close(fd);

    fd = open("contents", O_WRONLY | O_TRUNC);
    check(fstat(fd, &stat) == 0 && stat.size == 0);
    check(read(fd, back, 1) == -1);
    close(fd);
    check(unlink("contents") == 0);
    check(open("contents", O_RDONLY) == -1);
}

static void largest(void)
{
    int fd = open("largest", O_CREATE | O_RDWR);
    check(fd >= 0);
    for (int i = 0; i < FILE_BLOCKS; i++) {
        fill(block, 'A' + i % 26, sizeof block);
        check(write(fd, block, sizeof block) == sizeof block);
    }
    check(write(fd, block, 1) <= 0);
    close(fd);
    fd = open("largest", O_RDONLY);
    for (int i = 0; i < FILE_BLOCKS; i++) {
        fill(block, 'A' + i % 26, sizeof block);
        check(read(fd, back, sizeof back) == sizeof back && same(back, block, sizeof back));
    }
    check(read(fd, back, 1) == 0);
    close(fd);
    check(unlink("largest") == 0);
}

static void names(void)
{
    struct stat stat;
    check(mkdir("directory") == 0);
    check(mkdir("directory") == -1);
    int fd = open("directory/one", O_CREATE | O_WRONLY);
    check(fd >= 0 && write(fd, "1", 1) == 1);
    check(link("directory/one", "directory/two") == 0);
    check(link("directory/one", "directory/two") == -1);
    check(link("directory", "other") == -1);
    check(fstat(fd, &stat) == 0 && stat.links == 2);
    check(unlink("directory") == -1);
    check(unlink("directory/one") == 0 && unlink("directory/one") == -1);
    // Its last name goes while it is open: it lives on until it is closed.
    check(unlink("directory/two") == 0);
    check(write(fd, "2", 1) == 1);
    check(fstat(fd, &stat) == 0 && stat.links == 0 && stat.size == 2);
    close(fd);
    check(chdir("directory") == 0);
    check(open("..", O_WRONLY) == -1);
    check(chdir("..") == 0 && chdir("no-such-place") == -1);
    check(unlink("directory/.") == -1 && unlink("directory/..") == -1);
    check(unlink("directory") == 0);

    // Names are cut at 14 bytes, paths end at 128.
    fd = open("fourteen-bytes-and-more", O_CREATE | O_RDWR);
    check(fd >= 0);
    close(fd);
    fd = open("fourteen-bytes", O_RDONLY);
    check(fd >= 0);
    close(fd);
    check(unlink("fourteen-bytes") == 0);
    static char path[200];
    fill(path, '/', sizeof path - 1);
    check(open(path, O_RDONLY) == -1);
}

static void shared_offset(void)
{
    int fd = open("offset", O_CREATE | O_RDWR), status;
    check(fd >= 0);
    int pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        check(write(fd, "child", 5) == 5);
        exit(0);
    }
    check(wait(&status) == pid && status == 0);
    int second = dup(fd);
    check(second > fd);
    check(write(second, "parent", 6) == 6);
    close(fd);
    close(second);
    fd = open("offset", O_RDONLY);
    check(read(fd, back, sizeof back) == 11 && same(back, "childparent", 11));
    close(fd);
    check(unlink("offset") == 0);
}

static void pipes(void)
{
    int ends[2], status, total = 0;
    check(pipe(ends) == 0);
    int pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        for (int i = 0; i < 20; i++) {
            fill(block, i, sizeof block);
            check(write(ends[1], block, sizeof block) == sizeof block);
        }
        exit(0);
    }
    close(ends[1]);
    for (int count; (count = read(ends[0], back, 777)) > 0; total += count)
        for (int i = 0; i < count; i++)
            check(back[i] == (total + i) / BLOCK);
    check(total == 20 * BLOCK);
    check(wait(&status) == pid && status == 0);
    close(ends[0]);
    check(pipe(ends) == 0);
    close(ends[0]);
    check(write(ends[1], block, 1) == -1);
    close(ends[1]);
}

int main(void)
{
    contents();
    largest();
    names();
    shared_offset();
    pipes();
    print("%s: OK\n", program);
    exit(0);
}
