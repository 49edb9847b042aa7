//! Waiting on a word that another thread will change: every sleep in this crate is such a wait.
//!
//! The scheduler offers what Linux calls a futex: a thread sleeps while a word has an expected
//! value, and another wakes the threads that wait on the word (Franke, Russell, Kirkwood: "Fuss,
//! Futexes and Furwocks", OLS 2002). The scheduler compares the word under the lock that `wake`
//! takes too, so a wake-up between the look and the sleep is never lost. [`WaitQueue`] is an event
//! count on top of the futex.

use core::sync::atomic::AtomicPtr;

use crate::atomic::{AtomicU32, Ordering, constant};
use crate::held::Held;
use crate::level::Level;
use crate::line::Waiter;
use crate::relax::relax;

/// Whether a kill ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruptible {
    /// A kill ends the wait: the caller cleans up and returns to the place where the process is
    /// ended.
    Yes,
    /// A kill does not end the wait, because the event comes soon and must be waited for (a disk, a
    /// lock).
    No,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Wake {
    /// The word changed, or the waiters were woken. The caller looks again.
    Woken,
    /// The process was killed.
    Interrupted,
}

/// The services that the locks need from the scheduler.
pub trait Scheduler: Sync {
    /// Sleeps while `word` equals `expected`. May return early. The caller must hold no spin lock.
    fn wait(&self, word: &AtomicU32, expected: u32, how: Interruptible) -> Wake;
    /// Wakes the thread that has waited longest on `word`. May be called from a trap handler.
    /// `word` is compared as an address and never read, so it may be gone. The caller holds no lock
    /// above [`crate::level::Waiters`].
    fn wake_one(&self, word: *const AtomicU32);
    /// Wakes all threads that wait on `word`, in the order in which they came. Otherwise as
    /// [`Scheduler::wake_one`]. Takes the caller a bounded time, however many threads there are.
    fn wake_all(&self, word: *const AtomicU32);
    /// Returns the time since some fixed moment, in milliseconds.
    fn milliseconds(&self) -> u64;
    /// Calls `body` once with the waiter of the calling thread. Other harts write to it, so it lies
    /// where all harts find the same memory.
    fn lend_waiter(&self, body: &mut dyn FnMut(&Waiter));
}

// Of `core` in every build: a static needs a constant, and no checker runs before this is set.
static SCHEDULER: AtomicPtr<&'static dyn Scheduler> = AtomicPtr::new(core::ptr::null_mut());

/// Makes the locks wait by `scheduler` from now on. Before that (on the host, and early in the
/// boot), a wait spins.
pub fn install_scheduler(scheduler: &'static &'static dyn Scheduler) {
    SCHEDULER.store(core::ptr::from_ref(scheduler).cast_mut(), Ordering::Release);
}

fn scheduler() -> Option<&'static dyn Scheduler> {
    let pointer = SCHEDULER.load(Ordering::Acquire);
    // SAFETY: the pointer is null or came from a `&'static` reference in `install_scheduler`, which
    // is never written through.
    unsafe { pointer.as_ref() }.copied()
}

pub(crate) fn wait(word: &AtomicU32, expected: u32, how: Interruptible) -> Wake {
    match scheduler() {
        Some(scheduler) => scheduler.wait(word, expected, how),
        None => {
            relax();
            Wake::Woken
        }
    }
}

pub(crate) fn wake_one(word: *const AtomicU32) {
    if let Some(scheduler) = scheduler() {
        scheduler.wake_one(word);
    }
}

fn wake_all(word: *const AtomicU32) {
    if let Some(scheduler) = scheduler() {
        scheduler.wake_all(word);
    }
}

/// Returns the result of `body`, which is called with the waiter of the calling thread.
pub(crate) fn lend_waiter<R>(body: impl FnOnce(&Waiter) -> R) -> R {
    let Some(scheduler) = scheduler() else {
        return body(&Waiter::new());
    };
    let (mut body, mut result) = (Some(body), None);
    scheduler.lend_waiter(&mut |waiter| result = body.take().map(|body| body(waiter)));
    result.unwrap_or_else(|| unreachable!("a scheduler that lends no waiter"))
}

/// Returns the time since some fixed moment, in milliseconds, or 0 without a scheduler.
pub(crate) fn milliseconds() -> u64 {
    scheduler().map_or(0, |scheduler| scheduler.milliseconds())
}

/// A queue of threads that wait for an event.
///
/// The caller takes a [`Ticket`], checks whether the event has happened, and if not waits with the
/// ticket. An event between ticket and wait ends the wait at once, so the check and the wait need
/// no common lock.
///
/// An event wakes all waiting threads, and each checks again, so the queue has no order. Where each
/// event serves a single thread, the threads take turns by a [`crate::SleepLock`], and only its
/// holder waits in the queue.
pub struct WaitQueue {
    events: AtomicU32,
}

/// The count of events at the moment before the check.
#[derive(Clone, Copy)]
pub struct Ticket(u32);

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl WaitQueue {
    constant! {
        /// Returns a queue with no waiting threads.
        pub const fn new() -> Self {
            Self {
                events: AtomicU32::new(0),
            }
        }
    }

    /// Returns a ticket. It must be taken before the check whether a wait is needed.
    pub fn ticket(&self) -> Ticket {
        Ticket(self.events.load(Ordering::SeqCst))
    }

    /// Waits for an event later than the ticket. May return early, so the caller checks again.
    pub fn wait<L: Level>(&self, ticket: Ticket, how: Interruptible, held: &mut Held<L>) -> Wake {
        Held::<L>::assert_may_sleep();
        let _ = held;
        wait(&self.events, ticket.0, how)
    }

    /// Notes an event and wakes all waiting threads.
    pub fn wake_all(&self) {
        self.events.fetch_add(1, Ordering::SeqCst);
        wake_all(&self.events);
    }
}
