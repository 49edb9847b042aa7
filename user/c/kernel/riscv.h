// Pages and the stack pointer, under the name of the header that has them in the courses, whatever
// the machine is.
#pragma once

#define PGSIZE 4096
#define PGSHIFT 12
#define PGROUNDUP(size) (((size) + PGSIZE - 1) & ~(PGSIZE - 1L))
#define PGROUNDDOWN(address) ((address) & ~(PGSIZE - 1L))
// One past the last address that any program could have.
#if defined(__riscv)
#define MAXVA (1L << 38)
#else
#define MAXVA (1L << 47)
#endif

// Returns the stack pointer, which the caller has too but for its own frame.
static inline unsigned long r_sp(void) {
  unsigned long pointer;
#if defined(__riscv)
  asm volatile("mv %0, sp" : "=r"(pointer));
#else
  asm volatile("movq %%rsp, %0" : "=r"(pointer));
#endif
  return pointer;
}
