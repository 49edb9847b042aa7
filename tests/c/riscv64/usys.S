# The system-call stubs (number in a7, arguments in a0 to a5, result in a0) and what C cannot
# say about the floating-point registers.

.macro call name, number
    .globl \name
    .type \name, @function
\name:
    li      a7, \number
    ecall
    ret
.endm

    .text
    call fork, 1
    call exit, 2
    call wait, 3
    call pipe, 4
    call read, 5
    call kill, 6
    call exec, 7
    call fstat, 8
    call chdir, 9
    call dup, 10
    call getpid, 11
    call sbrk_mode, 12
    call sleep, 13
    call uptime, 14
    call open, 15
    call write, 16
    call mknod, 17
    call unlink, 18
    call link, 19
    call mkdir, 20
    call close, 21
    call mmap, 22
    call munmap, 23
    call pageinfo, 32
    call memstat, 33
    call procstat, 34
    call no_such_call, 4000

# sbrk(n) of programs older than the mode: the second register holds anything.
    .globl sbrk
sbrk:
    li      a1, 0x7eadbeef
    li      a7, 12
    ecall
    ret

# void fp_fill(long seed): a value of its own in every register, and a rounding mode.
    .globl fp_fill
fp_fill:
    slli    t0, a0, 8
    .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    addi    t1, t0, \r
    fmv.d.x f\r, t1
    .endr
    andi    t1, a0, 3
    slli    t1, t1, 5
    fscsr   t1
    ret

# long fp_wrong(long seed): how many registers do not hold what fp_fill put there.
    .globl fp_wrong
fp_wrong:
    slli    t0, a0, 8
    li      t3, 0
    .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    addi    t1, t0, \r
    fmv.x.d t2, f\r
    xor     t1, t1, t2
    snez    t1, t1
    add     t3, t3, t1
    .endr
    andi    t1, a0, 3
    slli    t1, t1, 5
    frcsr   t2
    xor     t1, t1, t2
    snez    t1, t1
    add     a0, t3, t1
    ret

    .section .note.GNU-stack, "", @progbits
