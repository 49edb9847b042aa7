# riscv64: the way into a program and into the kernel (number in a7, arguments in a0 to a5, result in
# a0).

.macro call_stub name, number
    .globl \name
    .type \name, @function
\name:
    li      a7, \number
    ecall
    ret
.endm

    .section .text.start, "ax"
    .globl _start
_start:
    li      fp, 0
    call    start
    unimp

    .text
#include "calls.h"

    .section .note.GNU-stack, "", @progbits
