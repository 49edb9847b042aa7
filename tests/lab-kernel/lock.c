// Spin locks. Interrupts are off wherever a lock is held.

#include "machine.h"

void acquire(struct lock *lock)
{
#if MISTAKE == 7
    while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_RELAXED) != 0)
        ;
#else
    while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) != 0)
        ;
#endif
    lock->hart = hart();
}

void release(struct lock *lock)
{
    lock->hart = -1;
#if MISTAKE == 8
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELAXED);
#else
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
#endif
}
