// Lists a directory: name, type, inode, size.
#include "user.h"

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : ".";
    int directory = open(path, O_RDONLY);
    if (directory < 0 || chdir(path) < 0) {
        fprintf(2, "ls: cannot list %s\n", path);
        exit(1);
    }
    struct dirent entry;
    while (read(directory, &entry, sizeof entry) == sizeof entry) {
        struct stat about;
        char name[NAME + 1] = {0};
        if (entry.inode == 0)
            continue;
        memcpy(name, entry.name, NAME);
        if (stat(name, &about) < 0) {
            fprintf(2, "ls: cannot stat %s\n", name);
            continue;
        }
        printf("%s %d %u %lu\n", name, about.type, about.inode, about.size);
    }
    END(0);
}
