// Limits that programs reckon with. Cowslip limits processes and files by memory; these are what a
// program may rely on.
#pragma once

#define NPROC 64
#define NCPU 8
#define NOFILE 16
#define NFILE 100
#define NINODE 50
#define NDEV 10
#define MAXARG 32
#define MAXPATH 128
#define MAXOPBLOCKS 10
#define FSSIZE 2000
