// What C cannot say about this architecture's registers.
#pragma once

#include "../lib.h"

// Registers that fp_fill and fp_wrong know of: xmm0 to xmm15, and mxcsr.
enum { FP_REGISTERS = 17 };

// getpid, by the way in that programs of older courses take.
int old_getpid(void);

// No function keeps a value in a floating-point register for its caller.
#define FP_TAKEN ((void)0)

static inline unsigned long clock_now(void)
{
    return __builtin_ia32_rdtsc();
}

// Increments of the clock per microsecond, measured against the system's ticks of 100 ms.
static inline unsigned long clock_rate(void)
{
    static unsigned long rate;
    if (!rate) {
        int tick = uptime();
        while (uptime() == tick)
            ;
        unsigned long begin = clock_now();
        sleep(1);
        rate = (clock_now() - begin) / 100000;
    }
    return rate;
}
