// What programs know of the disk: the entries of directories, and how large files can be.
#pragma once

#include "kernel/types.h"

#define ROOTINO 1
#define BSIZE 1024
#define NDIRECT 12
#define NINDIRECT (BSIZE / sizeof(uint))
#define MAXFILE (NDIRECT + NINDIRECT)
#define DIRSIZ 14

struct dirent {
    ushort inum;
    char name[DIRSIZ];
};
