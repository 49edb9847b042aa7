# The programs of `lab/`, which the kernel has instead of a disk. The compiler is told where they are.

    .macro program name, file
    .section .rodata.programs, "a"
    .balign 8
    .quad 1f, 2f, 3f
    .section .rodata.files, "a"
1:  .asciz "\name"
    .balign 4096
2:  .incbin "\file"
3:
    .endm

    .section .rodata.programs, "a"
    .globl programs
    .balign 8
programs:
    program init, INIT
    program cowbasic, COWBASIC
    program cowshare, COWSHARE
    program cowmemory, COWMEMORY
    program cowprotect, COWPROTECT
    program notexec, NOTEXEC
    .section .rodata.programs, "a"
    .globl programs_end
programs_end:
