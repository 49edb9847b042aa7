// The machine as small kernels see it: entries of page tables, registers, harts, locks.
#pragma once

typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;

#define PAGE 4096UL

// Bits of an entry of a page table; COW is one of those left to software.
#define V 1UL
#define R 2UL
#define W 4UL
#define X 8UL
#define U 16UL
#define G 32UL
#define COW 256UL
#define FRAME(entry) (((entry) >> 10) << 12)
#define ENTRY(frame, rights) (((u64)(frame) >> 12 << 10) | (rights))

#define csr_read(name) ({ u64 value; asm volatile("csrr %0, " #name : "=r"(value)); value; })
#define csr_write(name, value) asm volatile("csrw " #name ", %0" : : "r"((u64)(value)) : "memory")

struct lock {
    u32 taken;
    int hart;
};

static inline int hart(void) {
    int id;
    asm volatile("mv %0, tp" : "=r"(id));
    return id;
}

// lock.c
void acquire(struct lock *);
void release(struct lock *);
