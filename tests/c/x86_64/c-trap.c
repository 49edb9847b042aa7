// layout: two segments, entry start
// What a program can do to the processor: privileged instructions, every exception and every gate,
// flags of its own on the way into the kernel, and addresses that are none. Whoever does it is
// killed, and nobody else notices.
#include "lib.h"
#include "arch.h"

const char program[] = "c-trap";

enum { ENTRY = 24, NOT_CANONICAL_SHIFT = 47 };

// Flags that a program may set for itself.
enum { TRAP = 1 << 8, DIRECTION = 1 << 10, NESTED = 1 << 14, ALIGNMENT = 1 << 18 };

static const char *copied;

#define INSTRUCTION(name, text)                                                                    \
    static void name(address unused)                                                               \
    {                                                                                              \
        (void)unused;                                                                              \
        __asm__ volatile(text ::: "memory", "rax", "rbx", "rcx", "rdx");                           \
    }

INSTRUCTION(halts, "hlt")
INSTRUCTION(clears_interrupts, "cli")
INSTRUCTION(sets_interrupts, "sti")
INSTRUCTION(reads_port, "mov $0x3fd, %%edx\n in %%dx, %%al")
INSTRUCTION(writes_port, "mov $0xf4, %%edx\n xor %%eax, %%eax\n out %%eax, %%dx")
INSTRUCTION(writes_root, "xor %%eax, %%eax\n mov %%rax, %%cr3")
INSTRUCTION(reads_fault_address, "mov %%cr2, %%rax")
INSTRUCTION(reads_msr, "mov $0xc0000080, %%ecx\n rdmsr")
INSTRUCTION(writes_msr, "mov $0xc0000101, %%ecx\n xor %%eax, %%eax\n xor %%edx, %%edx\n wrmsr")
INSTRUCTION(loads_gates, "lidt (%%rsp)")
INSTRUCTION(forgets, "invlpg (%%rsp)")
INSTRUCTION(returns, "sysretq")
INSTRUCTION(swaps, "swapgs")
INSTRUCTION(sets_breakpoint, "xor %%eax, %%eax\n mov %%rax, %%dr7")
INSTRUCTION(writes_base, ".byte 0xf3, 0x48, 0x0f, 0xae, 0xd8") // wrgsbase %rax
INSTRUCTION(divides, "xor %%ecx, %%ecx\n xor %%edx, %%edx\n mov $1, %%eax\n div %%ecx")
INSTRUCTION(breaks, "int3")
INSTRUCTION(traps, ".byte 0xf1")
INSTRUCTION(does_not_exist, "ud2")
INSTRUCTION(loads_segment, "mov $0x33, %%eax\n mov %%eax, %%ds")
INSTRUCTION(far_return, "push $0x08\n lea 1f(%%rip), %%rax\n push %%rax\n lretq\n 1:")
INSTRUCTION(interrupt_return, "push $0x10\n push %%rsp\n pushfq\n push $0x08\n lea 1f(%%rip), %%rax\n"
                              "push %%rax\n iretq\n 1:")
INSTRUCTION(steps, "pushfq\n orq $0x100, (%%rsp)\n popfq\n nop\n nop")
INSTRUCTION(bad_stack, "mov $0x800000000000, %%rax\n mov %%rax, %%rsp\n push %%rax")
INSTRUCTION(wild_stack, "mov $-8, %%rsp\n ret")

static void touches(address at)
{
    *(volatile char *)at = 1;
}

static void jumps(address to)
{
    __asm__ volatile("jmp *%0" ::"r"(to));
}

// `int n`, in two bytes that are written here, on the stack: so the page must be executable, and is
// not. The instruction is in a table of all of them instead.
extern const unsigned char gates[256][3];
__asm__(".text\n gates:\n .set n, 0\n .rept 256\n .byte 0xcd, n, 0xc3\n .set n, n + 1\n .endr\n");

static void raises(address number)
{
    __asm__ volatile("call *%0" ::"r"(gates[number]), "a"(4000L) : "memory", "rcx", "r11");
}

// SIMD floating point divides by zero with nothing masked; x87 the same.
static void divides_floats(address x87)
{
    static const unsigned nothing_masked = 0;
    static const unsigned short nothing_masked_x87 = 0x340;
    if (x87)
        __asm__ volatile("fldcw %0\n fld1\n fldz\n fdivrp\n fwait" ::"m"(nothing_masked_x87));
    else
        __asm__ volatile("ldmxcsr %0\n xorps %%xmm0, %%xmm0\n mov $1, %%eax\n cvtsi2ss %%eax, %%xmm1\n"
                         "divss %%xmm0, %%xmm1" ::"m"(nothing_masked) : "rax");
}

static long call_with_flags(long number, long first, long second, long third, long flags)
{
    long result;
    __asm__ volatile("pushfq\n orq %5, (%%rsp)\n popfq\n syscall\n pushfq\n andq $~0x44500, (%%rsp)\n popfq"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third), "r"(flags)
                     : "memory", "rcx", "r11");
    return result;
}

static int old_call_with_flags(long flags)
{
    int result;
    __asm__ volatile("pushfq\n orq %2, (%%rsp)\n popfq\n int $0x40\n pushfq\n andq $~0x44500, (%%rsp)\n popfq"
                     : "=a"(result)
                     : "a"(11L), "r"(flags)
                     : "memory");
    return result;
}

// The kernel copies forwards, and touches no memory of a program by accident, whatever flags it is
// called with.
static void flags_stay_outside(void)
{
    int ends[2];
    char from[64], to[64];
    for (unsigned i = 0; i < sizeof from; i++)
        from[i] = i * 7 + 1;
    check(pipe(ends) == 0);
    static const long flags[] = {DIRECTION, NESTED, ALIGNMENT, DIRECTION | NESTED | ALIGNMENT};
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
        fill(to, 0, sizeof to);
        check(call_with_flags(16, ends[1], (long)from, sizeof from, flags[i]) == sizeof from);
        check(call_with_flags(5, ends[0], (long)to, sizeof to, flags[i]) == sizeof to);
        check(same(from, to, sizeof from));
        // Misaligned, for whom that would matter.
        check(call_with_flags(16, ends[1], (long)from + 1, 63, flags[i]) == 63);
        check(call_with_flags(5, ends[0], (long)to, 63, flags[i]) == 63);
        check(old_call_with_flags(flags[i]) == getpid());
        // An address of the kernel's stays one.
        check(call_with_flags(16, ends[1], 0xffff800000100000, 8, flags[i]) == -1);
        // Frames are cleared and copied for it, by string instructions.
        int pid = call_with_flags(1, 0, 0, 0, flags[i]);
        if (pid == 0)
            exit(0);
        int status = -1;
        check(pid > 0 && wait(&status) == pid && status == 0);
    }
}

// The flag of a nested task makes the return to a program fault. A system call that sleeps gives
// the hart to others, which were stopped by an interrupt and return in that way.
static void flags_stay_with_who_has_them(void)
{
    enum { OTHERS = 5, SLEEP = 13, SLEEPS = 6 };
    int others[OTHERS];
    for (int i = 0; i < OTHERS; i++) {
        others[i] = fork();
        check(others[i] >= 0);
        if (others[i] == 0)
            for (;;)
                ;
    }
    for (int i = 0; i < SLEEPS; i++)
        check(call_with_flags(SLEEP, 1, 0, 0, NESTED) == 0);
    for (int i = 0; i < OTHERS; i++)
        check(kill(others[i]) == 0);
    for (int i = 0; i < OTHERS; i++)
        check(wait(0) > 0);
}

// A debug trap after an instruction that defers it, which here is the way into the kernel
// (CVE-2018-8897).
static void steps_into_the_kernel(address unused)
{
    (void)unused;
    __asm__ volatile("mov %%ss, %%ebx\n pushfq\n orq $0x100, (%%rsp)\n mov $11, %%eax\n popfq\n"
                     "mov %%ebx, %%ss\n syscall\n nop" ::: "rax", "rbx", "rcx", "r11", "memory");
}

// A debug trap after the instruction that is the way into the kernel: `popf` lets one more go by.
static void steps_right_into_the_kernel(address unused)
{
    (void)unused;
    __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n mov $11, %%eax\n popfq\n syscall\n nop" :::
                     "rax", "rcx", "r11", "memory");
}

static void steps_into_a_gate(address unused)
{
    (void)unused;
    __asm__ volatile("mov %%ss, %%ebx\n pushfq\n orq $0x100, (%%rsp)\n mov $11, %%eax\n popfq\n"
                     "mov %%ebx, %%ss\n int $0x40\n nop" ::: "rax", "rbx", "memory");
}

static void killed(void (*misdeed)(address), address argument)
{
    int status = status_of(misdeed, argument);
    if (status != -1)
        print("%s: misdeed at 0x%d ended with %d\n", program, (long)misdeed, (long)status);
    check(status == -1);
}

// A copy of this program that says it begins at an address no program can have: the way back into
// it must not be taken (CVE-2012-0217).
static void begins_nowhere(address entry)
{
    static char bytes[4096];
    int in = open(copied, O_RDONLY), out = open("nowhere", O_CREATE | O_TRUNC | O_WRONLY);
    check(in >= 0 && out >= 0);
    for (int count, first = 1; (count = read(in, bytes, sizeof bytes)) > 0; first = 0) {
        if (first)
            *(unsigned long *)(bytes + ENTRY) = entry;
        check(write(out, bytes, count) == count);
    }
    close(in);
    close(out);
    char *arguments[] = {"nowhere", 0};
    exec("nowhere", arguments);
    exit(1);
}

int main(int argc, char **argv)
{
    (void)argc;
    copied = argv[0];
    static void (*const misdeeds[])(address) = {
        halts, clears_interrupts, sets_interrupts, reads_port, writes_port, writes_root, reads_fault_address,
        reads_msr, writes_msr, loads_gates, forgets, returns, swaps, sets_breakpoint, writes_base, divides, breaks,
        traps, does_not_exist, loads_segment, far_return, interrupt_return, steps, bad_stack, wild_stack,
    };
    for (unsigned i = 0; i < sizeof misdeeds / sizeof *misdeeds; i++)
        killed(misdeeds[i], 0);
    // An emulator may leave these two out; a processor does not.
    for (int x87 = 0; x87 < 2; x87++) {
        int status = status_of(divides_floats, x87);
        check(status == -1 || status == 0);
    }
    static const address nowhere[] = {1UL << NOT_CANONICAL_SHIFT, 1UL << 62, 0xffff7fffffffffff, 0x7ffffffff000,
                                      0xffff800000000000, 0xffffffff80100000, -1UL};
    for (unsigned i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        killed(touches, nowhere[i]);
        killed(jumps, nowhere[i]);
        killed(begins_nowhere, nowhere[i]);
    }
    for (int number = 0; number < 256; number++)
        if (number != 0x40)
            killed(raises, number);
    check(status_of(raises, 0x40) == 0);
    check(old_getpid() == getpid());
    flags_stay_outside();
    flags_stay_with_who_has_them();
    // Killed by the trap, or through and past it; the kernel lives either way.
    for (int round = 0; round < 20; round++) {
        status_of(steps_into_the_kernel, 0);
        status_of(steps_right_into_the_kernel, 0);
        status_of(steps_into_a_gate, 0);
    }
    unlink("nowhere");
    print("%s: OK\n", program);
    return 0;
}
