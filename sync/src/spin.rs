//! Spin locks with a level in the lock order.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use crate::atomic::constant;
use crate::held::Held;
use crate::interrupts::InterruptsOff;
use crate::leaf::RawSpin;
use crate::level::{FIRST_SPIN, Level};

/// A spin lock of level `L` around a `T`. Interrupts are off while it is held.
pub struct SpinLock<L: Level, T> {
    raw: RawSpin,
    _level: PhantomData<fn(L)>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through the guard, of which there is one at a time.
unsafe impl<L: Level, T: Send> Sync for SpinLock<L, T> {}

impl<L: Level, T> SpinLock<L, T> {
    constant! {
        /// Returns a free lock around `value`.
        pub const fn new(value: T) -> Self {
            const { assert!(L::RANK >= FIRST_SPIN, "this level belongs to a sleep lock") }
            Self {
                raw: RawSpin::new(),
                _level: PhantomData,
                value: UnsafeCell::new(value),
            }
        }
    }

    /// Takes the lock. `held` can be used again when the guard is dropped.
    #[inline]
    pub fn lock<'a, H: Level>(&'a self, held: &'a mut Held<H>) -> SpinGuard<'a, L, T> {
        const { assert!(H::RANK < L::RANK, "locks are taken in the wrong order") }
        let _ = held;
        let interrupts = InterruptsOff::new();
        self.raw.lock();
        SpinGuard {
            lock: self,
            held: Held::of_guard(),
            _interrupts: interrupts,
        }
    }

    /// Returns the guard of a lock that another thread of execution took for this one. A new thread
    /// is switched to under the scheduler's lock, and has no guard of its own to release it with.
    ///
    /// # Safety
    ///
    /// The lock is held by this hart with interrupts off. The thread that took it neither touches
    /// the value nor releases the lock until the lock has been handed back to it by the same means.
    pub unsafe fn adopt(&self) -> SpinGuard<'_, L, T> {
        SpinGuard {
            lock: self,
            held: Held::of_guard(),
            _interrupts: InterruptsOff::new(),
        }
    }

    /// Returns the value of a lock that is not shared.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

/// The guard of a spin lock, which is held while the guard lives.
pub struct SpinGuard<'a, L: Level, T> {
    lock: &'a SpinLock<L, T>,
    held: Held<L>,
    // A field and not part of `Drop::drop`, so that it is dropped after `Drop::drop` released the
    // lock.
    _interrupts: InterruptsOff,
}

impl<L: Level, T> SpinGuard<'_, L, T> {
    /// Returns the value and the token for locks further in.
    #[inline]
    pub fn parts(&mut self) -> (&mut T, &mut Held<L>) {
        // SAFETY: the guard proves that the lock is held, and is borrowed for as long as the value
        // is.
        (unsafe { &mut *self.lock.value.get() }, &mut self.held)
    }
}

impl<L: Level, T> Deref for SpinGuard<'_, L, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: as in `parts`.
        unsafe { &*self.lock.value.get() }
    }
}

impl<L: Level, T> DerefMut for SpinGuard<'_, L, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.parts().0
    }
}

impl<L: Level, T> Drop for SpinGuard<'_, L, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{Processes, Waiters};

    #[test]
    fn locks_nest_in_order() {
        let outer: SpinLock<Processes, u32> = SpinLock::new(1);
        let inner: SpinLock<Waiters, u32> = SpinLock::new(2);
        let mut held = Held::at_start();
        let mut first = outer.lock(&mut held);
        let (one, held) = first.parts();
        let second = inner.lock(held);
        *one += *second;
        drop(second);
        assert_eq!(*first, 3);
    }

    #[test]
    fn an_adopted_lock_is_released() {
        let lock: SpinLock<Processes, u32> = SpinLock::new(1);
        let mut held = Held::at_start();
        core::mem::forget(lock.lock(&mut held));
        // SAFETY: held by this thread, and the guard that took it is forgotten.
        drop(unsafe { lock.adopt() });
        assert_eq!(*lock.lock(&mut held), 1);
    }
}
