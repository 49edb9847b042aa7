//! Sleep locks: held across a wait for a disk, given up only by their holder.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use crate::atomic::{AtomicU32, Ordering, constant};
use crate::held::Held;
use crate::level::{FIRST_SPIN, Level};
use crate::wait::{self, Interruptible};

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and somebody may be asleep: the holder must wake on release.
const CONTENDED: u32 = 2;

/// A lock of level `L` around a `T` whose waiters sleep (the three-state mutex of Drepper,
/// "Futexes Are Tricky", 2011).
pub struct SleepLock<L: Level, T> {
    state: AtomicU32,
    _level: PhantomData<fn(L)>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through the guard, of which there is one at a time.
unsafe impl<L: Level, T: Send> Sync for SleepLock<L, T> {}

impl<L: Level, T> SleepLock<L, T> {
    constant! {
        /// A free lock around `value`.
        pub const fn new(value: T) -> Self {
            const { assert!(L::RANK < FIRST_SPIN, "this level belongs to a spin lock") }
            Self {
                state: AtomicU32::new(FREE),
                _level: PhantomData,
                value: UnsafeCell::new(value),
            }
        }
    }

    /// Takes the lock, asleep while another thread has it. A kill does not end the wait.
    #[inline]
    pub fn lock<'a, H: Level>(&'a self, held: &'a mut Held<H>) -> SleepGuard<'a, L, T> {
        const { assert!(H::RANK < L::RANK, "locks are taken in the wrong order") }
        let _ = held;
        if self
            .state
            .compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            self.lock_contended();
        }
        SleepGuard {
            lock: self,
            held: Held::claim(),
            _this_thread: PhantomData,
        }
    }

    #[cold]
    fn lock_contended(&self) {
        while self.state.swap(CONTENDED, Ordering::Acquire) != FREE {
            // The answer does not matter: a lock is waited for until it is free.
            let _ = wait::wait(&self.state, CONTENDED, Interruptible::No);
        }
    }

    /// The value of a lock whose guard was leaked ([`SleepGuard::leak`]).
    ///
    /// # Safety
    ///
    /// The calling thread took the lock and leaked the guard, and adopts it only when this reference is not used any more.
    pub unsafe fn leaked(&self) -> &T {
        // SAFETY: the lock is held for as long as the reference is used, so nobody changes the value.
        unsafe { &*self.value.get() }
    }

    /// The guard of a lock whose guard was leaked, to release it.
    ///
    /// # Safety
    ///
    /// The calling thread took the lock and leaked the guard, and has not adopted it since.
    pub unsafe fn adopt(&self) -> SleepGuard<'_, L, T> {
        SleepGuard {
            lock: self,
            held: Held::claim(),
            _this_thread: PhantomData,
        }
    }

    /// The value of a lock that nobody else can see.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Takes the value out of a lock that nobody else can see.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

/// The lock is held while this lives.
pub struct SleepGuard<'a, L: Level, T> {
    lock: &'a SleepLock<L, T>,
    held: Held<L>,
    _this_thread: PhantomData<*mut ()>,
}

impl<L: Level, T> SleepGuard<'_, L, T> {
    /// Keeps the lock taken without a guard: for a thread that holds many locks of one level, which must be the only
    /// one that does. [`SleepLock::adopt`] makes a guard again.
    pub fn leak(self) {
        core::mem::forget(self);
    }

    /// The value and the token for locks further in.
    #[inline]
    pub fn parts(&mut self) -> (&mut T, &mut Held<L>) {
        // SAFETY: the guard proves that the lock is held, and is borrowed for as long as the value is.
        (unsafe { &mut *self.lock.value.get() }, &mut self.held)
    }
}

impl<L: Level, T> Deref for SleepGuard<'_, L, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: as in `parts`.
        unsafe { &*self.lock.value.get() }
    }
}

impl<L: Level, T> DerefMut for SleepGuard<'_, L, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.parts().0
    }
}

impl<L: Level, T> Drop for SleepGuard<'_, L, T> {
    #[inline]
    fn drop(&mut self) {
        if self.lock.state.swap(FREE, Ordering::Release) == CONTENDED {
            wait::wake(&self.lock.state, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{Files, Nothing};

    #[test]
    fn a_leaked_lock_is_released_by_a_new_guard() {
        let lock: SleepLock<Files, u32> = SleepLock::new(1);
        let mut held = Held::<Nothing>::claim();
        lock.lock(&mut held).leak();
        assert_eq!(lock.state.load(Ordering::Relaxed), TAKEN);
        // SAFETY: taken by this thread and leaked; the reference ends with the statement.
        assert_eq!(unsafe { *lock.leaked() }, 1);
        // SAFETY: taken by this thread and leaked.
        drop(unsafe { lock.adopt() });
        assert_eq!(*lock.lock(&mut held), 1);
    }

    #[test]
    fn excludes_without_a_scheduler() {
        let counter: SleepLock<Files, u64> = SleepLock::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut held = Held::<Nothing>::claim();
                    for _ in 0..10_000 {
                        *counter.lock(&mut held) += 1;
                    }
                });
            }
        });
        assert_eq!(counter.into_inner(), 40_000);
    }
}
