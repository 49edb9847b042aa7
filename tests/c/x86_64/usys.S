# The system-call stubs (number in rax, arguments in rdi rsi rdx r10 r8 r9, result in rax) and what C
# cannot say about the floating-point registers.

.macro call name, number
    .globl \name
    .type \name, @function
\name:
    movq    %rcx, %r10
    movl    $\number, %eax
    syscall
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
    movl    $0x7eadbeef, %esi
    movl    $12, %eax
    syscall
    ret

# int old_getpid(void): the way in that programs of older courses take.
    .globl old_getpid
old_getpid:
    movl    $11, %eax
    int     $0x40
    ret

# void fp_fill(long seed): a value of its own in every register, and a rounding mode.
    .globl fp_fill
fp_fill:
    movq    %rdi, %rax
    shlq    $8, %rax
    .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    leaq    \r(%rax), %rdx
    movq    %rdx, %xmm\r
    .endr
    andl    $3, %edi
    shll    $13, %edi
    orl     $0x1f80, %edi
    pushq   %rdi
    ldmxcsr (%rsp)
    popq    %rdi
    ret

# long fp_wrong(long seed): how many registers do not hold what fp_fill put there.
    .globl fp_wrong
fp_wrong:
    movq    %rdi, %rsi
    shlq    $8, %rsi
    xorl    %eax, %eax
    .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    leaq    \r(%rsi), %rdx
    movq    %xmm\r, %rcx
    cmpq    %rdx, %rcx
    setne   %cl
    movzbl  %cl, %ecx
    addq    %rcx, %rax
    .endr
    andl    $3, %edi
    shll    $13, %edi
    pushq   $0
    stmxcsr (%rsp)
    popq    %rcx
    # What was computed inexactly is noted in the lowest bits.
    andl    $0x6000, %ecx
    cmpl    %edi, %ecx
    setne   %cl
    movzbl  %cl, %ecx
    addq    %rcx, %rax
    ret

    .section .note.GNU-stack, "", @progbits
