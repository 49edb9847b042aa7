# From reset in machine mode to supervisor mode, traps, and the switch between kernel threads.

    .section .text.start, "ax"
    .globl _start
_start:
    csrr tp, mhartid
    la sp, boot_stacks
    addi t0, tp, 1
    slli t0, t0, 12
    add sp, sp, t0
    # All of memory for the supervisor, all traps to it, its own timer, cycle counters.
    li t0, -1
    srli t0, t0, 10
    csrw pmpaddr0, t0
    li t0, 0xf
    csrw pmpcfg0, t0
    li t0, 0xb3ff
    csrw medeleg, t0
    li t0, 0x222
    csrw mideleg, t0
    li t0, 1
    slli t0, t0, 63
    csrs 0x30a, t0
    li t0, 7
    csrw mcounteren, t0
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x800
    csrs mstatus, t0
    la t0, main
    csrw mepc, t0
    csrw satp, zero
    mret

    .text
# A trap comes from a program if sscratch is not 0: it is the top of the kernel stack then, where the
# hart's number lies. A frame is 34 words.
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw sp, sscratch, sp
    bnez sp, 1f
    csrrw sp, sscratch, sp
1:  addi sp, sp, -288
    sd x1, 8(sp)
    sd x3, 24(sp)
    sd x4, 32(sp)
    .irp n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd x\n, \n*8(sp)
    .endr
    csrr t0, sepc
    sd t0, 256(sp)
    csrr t1, sstatus
    sd t1, 264(sp)
    csrrw t2, sscratch, zero
    andi t1, t1, 0x100
    bnez t1, 2f
    sd t2, 16(sp)
    ld tp, 280(sp)
2:  mv a0, sp
    li s0, 0
    call trap
    .globl trap_return
trap_return:
    ld t0, 256(sp)
    csrw sepc, t0
    ld t1, 264(sp)
    csrw sstatus, t1
    .macro restore
    ld x1, 8(sp)
    ld x3, 24(sp)
    .irp n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld x\n, \n*8(sp)
    .endr
    .endm
    andi t1, t1, 0x100
    bnez t1, 3f
    # Back to a program: leave the hart's number and the stack for the next trap.
    sd tp, 280(sp)
    addi t0, sp, 288
    csrw sscratch, t0
    ld x4, 32(sp)
    restore
    ld x2, 16(sp)
    sret
3:  restore
    addi sp, sp, 288
    sret

# void switch_to(struct context *from, struct context *to)
    .globl switch_to
switch_to:
    sd ra, 0(a0)
    sd sp, 8(a0)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd s\n, 16+\n*8(a0)
    .endr
    ld ra, 0(a1)
    ld sp, 8(a1)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld s\n, 16+\n*8(a1)
    .endr
    ret

#ifdef PROGRAM
    .section .data.program, "aw"
    .balign 4096
    .globl program, program_end
program:
    .incbin PROGRAM
program_end:
    .balign 4096
    .globl other_program, other_program_end
other_program:
    .incbin OTHER_PROGRAM
other_program_end:
#endif

    .bss
    .balign 4096
boot_stacks:
    .space 4096 * 8
