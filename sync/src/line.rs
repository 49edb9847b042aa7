//! Lines: threads that wait for their turn, in the order in which they came.
//!
//! A waiting thread stands in line with a [`Waiter`] on its own stack, so standing in line needs no
//! memory that could be missing. The thread that ends the wait writes into the waiter under the
//! lock of the line, and wakes by the waiter's address afterwards.
//!
//! Invariants: a waiter is in one line at most, and leaves it under the lock of that line before
//! its thread goes on; so every pointer in a line is valid under that lock. Neighbours:
//! [`crate::sleep`] and [`crate::gate`] keep a [`Line`] each.

use core::cell::Cell;
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::ptr;

use crate::atomic::{AtomicU32, Ordering};
use crate::wait::{self, Interruptible, Wake};

/// A wait that has not ended.
const WAITING: u32 = 0;
/// The thread is to try again, and keeps its place in the line.
const CALLED: u32 = 1;
/// The thread has what it waited for, and is in line no more.
const GRANTED: u32 = 2;

/// How a wait in line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The thread has what it waited for.
    Granted,
    /// The thread is still in line and is to try again.
    Called,
    /// The thread is still in line, and its process has been killed.
    Interrupted,
}

/// A thread in line.
pub(crate) struct Waiter<K> {
    /// What it waits for.
    pub(crate) kind: K,
    /// When it came, in milliseconds.
    pub(crate) since: u64,
    answer: AtomicU32,
    next: Cell<*const Waiter<K>>,
    _stays: PhantomPinned,
}

impl<K> Waiter<K> {
    /// A thread that comes now.
    pub(crate) fn new(kind: K) -> Self {
        Self {
            kind,
            since: wait::milliseconds(),
            answer: AtomicU32::new(WAITING),
            next: Cell::new(ptr::null()),
            _stays: PhantomPinned,
        }
    }

    /// Sleeps until another thread calls this one or grants what it waits for. Called by the
    /// waiter's own thread.
    pub(crate) fn sleep(self: Pin<&Self>, how: Interruptible) -> Turn {
        loop {
            match self.answer.load(Ordering::Acquire) {
                GRANTED => return Turn::Granted,
                CALLED => return Turn::Called,
                _ => {}
            }
            if wait::wait(&self.answer, WAITING, how) == Wake::Interrupted {
                return Turn::Interrupted;
            }
        }
    }

    /// Whether the thread has what it waits for. Under the lock of the line the answer stays true.
    pub(crate) fn is_granted(&self) -> bool {
        self.answer.load(Ordering::Acquire) == GRANTED
    }

    /// Whether the thread has been called and has not tried since. Under the lock of the line.
    pub(crate) fn is_called(&self) -> bool {
        self.answer.load(Ordering::Relaxed) == CALLED
    }

    /// The thread has tried in vain and waits to be called again. Under the lock of the line, by
    /// the waiter's own thread.
    pub(crate) fn wait_again(&self) {
        self.answer.store(WAITING, Ordering::Relaxed);
    }
}

/// Somebody who is to be woken, when the lock of the line has been released. By then the waiter may
/// be gone: only its address is used.
#[must_use = "a thread that nobody wakes sleeps for ever"]
pub(crate) struct Call(*const AtomicU32);

impl Call {
    /// Ends the thread's sleep.
    pub(crate) fn wake(self) {
        wait::wake_one(self.0);
    }
}

/// A line of waiting threads. It belongs inside a [`crate::LeafLock`].
pub(crate) struct Line<K> {
    first: *const Waiter<K>,
    last: *const Waiter<K>,
}

// SAFETY: the pointers lead to waiters whose threads stay where they are until they have left the
// line under its lock; what is reached through them is an atomic, and a `Cell` and values that are
// touched under that lock only.
unsafe impl<K: Send> Send for Line<K> {}

impl<K> Line<K> {
    /// Nobody waits.
    pub(crate) const fn new() -> Self {
        Self {
            first: ptr::null(),
            last: ptr::null(),
        }
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// The thread that has waited longest.
    pub(crate) fn first(&self) -> Option<&Waiter<K>> {
        // SAFETY: a waiter in the line is valid under its lock, for which `self` stands (module
        // invariant).
        unsafe { self.first.as_ref() }
    }

    /// Puts a thread at the end.
    ///
    /// # Safety
    /// The waiter is in no line. Its thread takes it out ([`Line::remove`]), or sees it granted,
    /// before the waiter is dropped.
    pub(crate) unsafe fn push(&mut self, waiter: Pin<&Waiter<K>>) {
        let waiter = ptr::from_ref(waiter.get_ref());
        // SAFETY: as in `first`.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(waiter),
            None => self.first = waiter,
        }
        self.last = waiter;
    }

    /// Takes a thread out that is in the line.
    pub(crate) fn remove(&mut self, waiter: Pin<&Waiter<K>>) {
        let waiter = waiter.get_ref();
        let mut before: *const Waiter<K> = ptr::null();
        let mut at = self.first;
        while !ptr::eq(at, waiter) {
            before = at;
            // SAFETY: as in `first`. The waiter is in the line, so the search ends at it.
            at = unsafe { &*at }.next.get();
        }
        let next = waiter.next.replace(ptr::null());
        // SAFETY: as in `first`.
        match unsafe { before.as_ref() } {
            Some(before) => before.next.set(next),
            None => self.first = next,
        }
        if next.is_null() {
            self.last = before;
        }
    }

    /// Calls the first thread, which keeps its place, to try again; nothing if it has been called
    /// already.
    pub(crate) fn call_first(&self) -> Option<Call> {
        let first = self.first()?;
        if first.is_called() {
            return None;
        }
        first.answer.store(CALLED, Ordering::Release);
        Some(Call(&first.answer))
    }

    /// Grants the first thread what it waits for, and takes it out.
    pub(crate) fn grant_first(&mut self) -> Option<Call> {
        let first = self.first()?;
        let next = first.next.replace(ptr::null());
        let call = Call(&first.answer);
        first.answer.store(GRANTED, Ordering::Release);
        // From here on the waiter may be gone.
        self.first = next;
        if next.is_null() {
            self.last = ptr::null();
        }
        Some(call)
    }
}
