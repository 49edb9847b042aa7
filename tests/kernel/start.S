# The first instructions of the stand-in kernel: machine mode, no firmware, at the first byte of RAM.
# Hart 0 gets a stack and goes on in C; the others sleep.

    .section .text.start, "ax"
    .globl _start
_start:
    csrr t0, mhartid
    bnez t0, 1f
    la sp, stack_top
    call main
1:  wfi
    j 1b

    .bss
    .balign 16
    .space 4096
stack_top:
