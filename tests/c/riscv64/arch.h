// What C cannot say about this architecture's registers.
#pragma once

// Registers that fp_fill and fp_wrong know of: f0 to f31, and fcsr.
enum { FP_REGISTERS = 33 };

// The calling function must keep no value in a floating-point register.
#define FP_TAKEN                                                                                   \
    __asm__ volatile("" ::: "fs0", "fs1", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9",  \
                     "fs10", "fs11")

static inline unsigned long clock_now(void)
{
    unsigned long time;
    __asm__ volatile("rdtime %0" : "=r"(time));
    return time;
}

// Increments of the clock per microsecond.
static inline unsigned long clock_rate(void)
{
    return 10;
}
