# x86_64: the way into a program and into the kernel (number in rax, arguments in rdi rsi rdx r10 r8 r9,
# result in rax). No call of these has a fourth argument, which C would have in another register.

.macro call_stub name, number
    .globl \name
    .type \name, @function
\name:
    movl    $\number, %eax
    syscall
    ret
.endm

    .section .text.start, "ax"
    .globl _start
_start:
    xorl    %ebp, %ebp
    andq    $-16, %rsp
    call    start
    ud2

    .text
#include "calls.h"

    .section .note.GNU-stack, "", @progbits
