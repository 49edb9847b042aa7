//! Lines: threads that wait for their turn, in the order in which they came.
//!
//! A thread stands in line with its [`Waiter`], of which it has one for its whole life, so standing
//! in line never fails for lack of memory. The thread that ends the wait writes its answer into the
//! waiter under the lock of the line, and wakes by the waiter's address afterwards.
//!
//! **A waiter is not on its thread's stack** where the translations of stacks differ from hart to
//! hart: a hart that did not flush since the slot of the stack was last given to another thread
//! would write the answer into a frame that is somebody else's by now. The scheduler knows, so it
//! lends the waiter ([`crate::Scheduler::lend_waiter`]).
//!
//! Invariants: a waiter is in at most one line, and leaves it under the lock of that line before
//! its thread continues, so every pointer in a line is valid under that lock. Neighbours:
//! [`crate::sleep`] and [`crate::gate`] each keep a [`Line`].

use core::cell::Cell;
use core::ptr;

use crate::atomic::{AtomicU32, Ordering};
use crate::wait::{self, Interruptible, Wake};

/// The answer of a wait that has not ended.
const WAITING: u32 = 0;
/// The thread must try again. It keeps its place in the line.
const CALLED: u32 = 1;
/// The thread has what it waited for, and has left the line.
const GRANTED: u32 = 2;

/// What a thread in line waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// To be inside together with others that share.
    Share,
    /// To be inside alone.
    Alone,
}

/// How a wait in line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The thread has what it waited for.
    Granted,
    /// The thread is still in line and must try again.
    Called,
    /// The thread is still in line, and its process was killed.
    Interrupted,
}

/// A thread's place in a line.
pub struct Waiter {
    request: Cell<Request>,
    /// The time of the thread's arrival, in milliseconds.
    since: Cell<u64>,
    answer: AtomicU32,
    next: Cell<*const Waiter>,
}

// SAFETY: while the waiter is in a line, its cells are reached only under the lock of the line;
// otherwise only the waiter's own thread reaches them (`Waiter::lend`).
unsafe impl Sync for Waiter {}

// SAFETY: the pointer is null unless the waiter is in a line, and then the waiter does not move.
unsafe impl Send for Waiter {}

impl Default for Waiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Waiter {
    /// Returns a waiter that is in no line.
    pub fn new() -> Self {
        Self {
            request: Cell::new(Request::Alone),
            since: Cell::new(0),
            answer: AtomicU32::new(WAITING),
            next: Cell::new(ptr::null()),
        }
    }

    /// Runs `body` with the waiter of the calling thread, which begins to wait for `request`.
    pub(crate) fn lend<R>(request: Request, body: impl FnOnce(&Self) -> R) -> R {
        let since = wait::milliseconds();
        wait::lend_waiter(|waiter| {
            waiter.request.set(request);
            waiter.since.set(since);
            waiter.answer.store(WAITING, Ordering::Relaxed);
            body(waiter)
        })
    }

    /// Returns what the thread waits for. Called under the lock of the line.
    pub(crate) fn request(&self) -> Request {
        self.request.get()
    }

    /// Returns the time of the thread's arrival, in milliseconds. Called under the lock of the
    /// line.
    pub(crate) fn since(&self) -> u64 {
        self.since.get()
    }

    /// Sleeps until another thread calls this one or grants its request. Called by the waiter's own
    /// thread.
    pub(crate) fn sleep(&self, how: Interruptible) -> Turn {
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

    /// Returns whether the request was granted. Under the lock of the line the answer stays true.
    pub(crate) fn is_granted(&self) -> bool {
        self.answer.load(Ordering::Acquire) == GRANTED
    }

    /// Returns whether the thread was called and has not tried since. Called under the lock of the
    /// line.
    pub(crate) fn is_called(&self) -> bool {
        self.answer.load(Ordering::Relaxed) == CALLED
    }

    /// Notes that the thread has tried without success and waits to be called again. Called under
    /// the lock of the line, by the waiter's own thread.
    pub(crate) fn wait_again(&self) {
        self.answer.store(WAITING, Ordering::Relaxed);
    }
}

/// A thread to be woken once the lock of the line has been released. The waiter may be gone by
/// then, so only its address is used.
#[must_use = "a thread that nobody wakes sleeps for ever"]
pub(crate) struct Call(*const AtomicU32);

impl Call {
    /// Wakes the thread.
    pub(crate) fn wake(self) {
        wait::wake_one(self.0);
    }
}

/// A line of waiting threads. It belongs inside a [`crate::LeafLock`].
pub(crate) struct Line {
    first: *const Waiter,
    last: *const Waiter,
}

// SAFETY: the pointers lead to waiters that do not move until they have left the line under its
// lock.
unsafe impl Send for Line {}

impl Line {
    /// Returns an empty line.
    pub(crate) const fn new() -> Self {
        Self {
            first: ptr::null(),
            last: ptr::null(),
        }
    }

    /// Returns whether no thread waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// Returns the thread that has waited longest.
    pub(crate) fn first(&self) -> Option<&Waiter> {
        // SAFETY: a waiter in the line is valid under its lock, for which `self` stands (module
        // invariant).
        unsafe { self.first.as_ref() }
    }

    /// Appends a thread.
    ///
    /// # Safety
    /// The waiter is in no line. Before its loan ends, its thread removes it ([`Line::remove`]) or
    /// finds it granted.
    pub(crate) unsafe fn push(&mut self, waiter: &Waiter) {
        let waiter = ptr::from_ref(waiter);
        // SAFETY: as in `first`.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(waiter),
            None => self.first = waiter,
        }
        self.last = waiter;
    }

    /// Removes a thread that is in the line.
    pub(crate) fn remove(&mut self, waiter: &Waiter) {
        let mut before: *const Waiter = ptr::null();
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

    /// Calls the first thread, which keeps its place and tries again. Returns `None` if the line is
    /// empty or the thread was called already.
    pub(crate) fn call_first(&self) -> Option<Call> {
        let first = self.first()?;
        if first.is_called() {
            return None;
        }
        first.answer.store(CALLED, Ordering::Release);
        Some(Call(&first.answer))
    }

    /// Grants the request of the first thread, and removes the thread.
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
