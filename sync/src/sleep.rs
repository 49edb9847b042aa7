//! Sleep locks: they may be held across a wait for a disk, and every thread that waits gets its
//! turn.
//!
//! Threads that find the lock taken stand in line ([`crate::line`]). A holder often comes back
//! before a woken thread runs, and would keep the lock for ever if a release always made it free. A
//! release therefore *hands the lock over* to the first in line, if that thread has waited for
//! longer than [`PATIENCE`]. Until then, a thread that comes later may take the lock first. The
//! reason is that handing over costs a change of threads, which not every short hold of a busy lock
//! should pay: so it is paid about once in a `PATIENCE`.
//!
//! **Bound** (R10): a thread with n others before it in line gets the lock after at most `PATIENCE`
//! and n + 2 holds: the hold that it found, one that began before its patience ended, and those of
//! the others in line. No thread that comes later is among them.
//!
//! The state tells the fast paths whether a thread stands in line. Everything else happens under
//! the lock of the line:
//!
//! | state | held | thread in line |
//! |---|---|---|
//! | `FREE` | no | no |
//! | `TAKEN` | yes | no |
//! | `CONTENDED` | yes | yes |
//! | `OPEN` | no | yes, and the first has been called |

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use crate::atomic::{AtomicU32, Ordering, constant};
use crate::held::Held;
use crate::leaf::LeafLock;
use crate::level::{FIRST_SPIN, Level};
use crate::line::{Call, Line, Request, Turn, Waiter};
use crate::wait::{self, Interruptible};

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const CONTENDED: u32 = 2;
const OPEN: u32 = 3;

/// How long, in milliseconds, the first in line may be overtaken by threads that come later.
pub const PATIENCE: u64 = 1;

/// The error of a wait for a lock whose process was killed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// A lock of level `L` around a `T` whose waiters sleep.
pub struct SleepLock<L: Level, T> {
    state: AtomicU32,
    line: LeafLock<Line>,
    _level: PhantomData<fn(L)>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through the guard, of which there is one at a time.
unsafe impl<L: Level, T: Send> Sync for SleepLock<L, T> {}

impl<L: Level, T> SleepLock<L, T> {
    constant! {
        /// Returns a free lock around `value`.
        pub const fn new(value: T) -> Self {
            const { assert!(L::RANK < FIRST_SPIN, "this level belongs to a spin lock") }
            Self {
                state: AtomicU32::new(FREE),
                line: LeafLock::new(Line::new()),
                _level: PhantomData,
                value: UnsafeCell::new(value),
            }
        }
    }

    /// Takes the lock. Sleeps while another thread holds it. A kill does not end the wait.
    #[inline]
    pub fn lock<'a, H: Level>(&'a self, held: &'a mut Held<H>) -> SleepGuard<'a, L, T> {
        let _ = held;
        if self.take(FREE, TAKEN).is_err() {
            // An uninterruptible wait ends only with the lock taken.
            let _ = self.lock_contended(Interruptible::No);
        }
        self.guard::<H>()
    }

    /// As [`SleepLock::lock`], but a kill ends the wait.
    pub fn lock_unless_killed<'a, H: Level>(
        &'a self,
        held: &'a mut Held<H>,
    ) -> Result<SleepGuard<'a, L, T>, Interrupted> {
        let _ = held;
        if self.take(FREE, TAKEN).is_err() {
            self.lock_contended(Interruptible::Yes)?;
        }
        Ok(self.guard::<H>())
    }

    /// Takes the lock if it is free and no thread waits for it.
    pub fn try_lock<'a, H: Level>(&'a self, held: &'a mut Held<H>) -> Option<SleepGuard<'a, L, T>> {
        let _ = held;
        self.take(FREE, TAKEN).ok()?;
        Some(self.guard::<H>())
    }

    /// Returns the guard of a lock that the calling thread has just taken.
    fn guard<H: Level>(&self) -> SleepGuard<'_, L, T> {
        const { assert!(H::RANK < L::RANK, "locks are taken in the wrong order") }
        SleepGuard {
            lock: self,
            held: Held::of_guard(),
            _this_thread: PhantomData,
        }
    }

    #[inline]
    fn take(&self, from: u32, to: u32) -> Result<u32, u32> {
        self.state
            .compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed)
    }

    #[cold]
    fn lock_contended(&self, how: Interruptible) -> Result<(), Interrupted> {
        Waiter::lend(Request::Alone, |waiter| self.wait_in_line(waiter, how))
    }

    fn wait_in_line(&self, waiter: &Waiter, how: Interruptible) -> Result<(), Interrupted> {
        if self.line.with(|line| self.take_or_queue(line, waiter)) {
            return Ok(());
        }
        loop {
            match waiter.sleep(how) {
                Turn::Granted => return Ok(()),
                Turn::Called if self.line.with(|line| self.take_or_stay(line, waiter)) => {
                    return Ok(());
                }
                Turn::Called => {}
                Turn::Interrupted => return self.give_up(waiter),
            }
        }
    }

    /// Takes the lock if it is free, or else appends the thread to the line. Returns whether it has
    /// the lock.
    fn take_or_queue(&self, line: &mut Line, waiter: &Waiter) -> bool {
        loop {
            match self.state.load(Ordering::Relaxed) {
                FREE if self.take(FREE, TAKEN).is_ok() => return true,
                OPEN => {
                    self.state.store(CONTENDED, Ordering::Relaxed);
                    return true;
                }
                TAKEN if self.take(TAKEN, CONTENDED).is_ok() => break,
                CONTENDED => break,
                // A fast path has changed the state meanwhile.
                _ => {}
            }
        }
        // SAFETY: a thread stands in one line at a time. `wait_in_line` returns only when the
        // waiter was granted, or was removed from the line.
        unsafe { line.push(waiter) };
        false
    }

    /// Takes the lock if it is free, for a thread in line that was called. Returns whether it has
    /// the lock.
    fn take_or_stay(&self, line: &mut Line, waiter: &Waiter) -> bool {
        if waiter.is_granted() {
            return true;
        }
        if self.state.load(Ordering::Relaxed) != OPEN {
            waiter.wait_again();
            return false;
        }
        self.leave(line, waiter, TAKEN, CONTENDED);
        true
    }

    /// Removes a thread from the line. Sets the state to `alone` if the line is then empty, and to
    /// `others` otherwise.
    fn leave(&self, line: &mut Line, waiter: &Waiter, alone: u32, others: u32) {
        line.remove(waiter);
        let state = if line.is_empty() { alone } else { others };
        self.state.store(state, Ordering::Release);
    }

    /// Ends a wait without the lock, unless the lock has just been handed over.
    fn give_up(&self, waiter: &Waiter) -> Result<(), Interrupted> {
        let mut call = None;
        let has_lock = self.line.with(|line| {
            if waiter.is_granted() {
                return true;
            }
            if self.state.load(Ordering::Relaxed) == OPEN {
                self.leave(line, waiter, FREE, OPEN);
                // The call may have been meant for this thread, so it is passed on.
                call = line.call_first();
            } else {
                self.leave(line, waiter, TAKEN, CONTENDED);
            }
            false
        });
        call.into_iter().for_each(Call::wake);
        if has_lock { Ok(()) } else { Err(Interrupted) }
    }

    #[cold]
    fn release_contended(&self) {
        let now = wait::milliseconds();
        let call = self.line.with(|line| {
            let Some(first) = line.first() else {
                // The last thread in line was killed; or it is this thread, which got the lock by a
                // hand-over before the state said that the line is empty.
                self.state.store(FREE, Ordering::Release);
                return None;
            };
            if now.saturating_sub(first.since()) <= PATIENCE {
                self.state.store(OPEN, Ordering::Release);
                return line.call_first();
            }
            let call = line.grant_first();
            if line.is_empty() {
                self.state.store(TAKEN, Ordering::Relaxed);
            }
            call
        });
        call.into_iter().for_each(Call::wake);
    }

    /// Returns whether a thread stands in line.
    #[cfg(all(test, any(loom, shuttle)))]
    pub(crate) fn is_waited_for(&self) -> bool {
        self.line.with(|line| !line.is_empty())
    }

    /// Returns the value of a lock whose guard was leaked ([`SleepGuard::leak`]).
    ///
    /// # Safety
    ///
    /// The calling thread took the lock and leaked the guard. It adopts the guard only when this
    /// reference is no longer used.
    pub unsafe fn leaked(&self) -> &T {
        // SAFETY: the lock is held for as long as the reference is used, so no thread changes the
        // value.
        unsafe { &*self.value.get() }
    }

    /// Returns the guard of a lock whose guard was leaked, to release it.
    ///
    /// # Safety
    ///
    /// The calling thread took the lock and leaked the guard, and has not adopted it since.
    pub unsafe fn adopt(&self) -> SleepGuard<'_, L, T> {
        SleepGuard {
            lock: self,
            held: Held::of_guard(),
            _this_thread: PhantomData,
        }
    }

    /// Returns the value of a lock that is not shared.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Takes the value out of a lock that is not shared.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

/// The guard of a sleep lock, which is held while the guard lives.
pub struct SleepGuard<'a, L: Level, T> {
    lock: &'a SleepLock<L, T>,
    held: Held<L>,
    _this_thread: PhantomData<*mut ()>,
}

impl<L: Level, T> SleepGuard<'_, L, T> {
    /// Keeps the lock taken without a guard. Meant for a thread that holds many locks of one level,
    /// which only one thread may do at a time. [`SleepLock::adopt`] returns a guard again.
    pub fn leak(self) {
        core::mem::forget(self);
    }

    /// Returns the value and the token for locks further in.
    #[inline]
    pub fn parts(&mut self) -> (&mut T, &mut Held<L>) {
        // SAFETY: the guard proves that the lock is held, and is borrowed for as long as the value
        // is.
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
        let state = &self.lock.state;
        let released = state.compare_exchange(TAKEN, FREE, Ordering::Release, Ordering::Relaxed);
        if released.is_err() {
            self.lock.release_contended();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Files;

    #[test]
    fn a_leaked_lock_is_released_by_a_new_guard() {
        let lock: SleepLock<Files, u32> = SleepLock::new(1);
        let mut held = Held::at_start();
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
                    let mut held = Held::at_start();
                    for _ in 0..10_000 {
                        *counter.lock(&mut held) += 1;
                    }
                });
            }
        });
        assert_eq!(counter.into_inner(), 40_000);
    }
}
