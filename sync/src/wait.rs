//! The one way to wait: on a word that somebody else will change.
//!
//! The scheduler offers what Linux calls a futex: wait while a word still has an expected value, and wake
//! those who wait on it (Franke, Russell, Kirkwood: "Fuss, Futexes and Furwocks", OLS 2002). Because the
//! scheduler compares under the lock that `wake` takes too, a wake-up between the look and the
//! sleep is never lost. [`WaitQueue`] is an event count on top of it.

use core::sync::atomic::AtomicPtr;

use crate::atomic::{AtomicU32, Ordering, constant};
use crate::held::Held;
use crate::level::Level;
use crate::relax::relax;

/// Whether a kill ends the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruptible {
    /// It does: the caller cleans up and returns to where the process is ended.
    Yes,
    /// It does not: what is waited for comes soon and must be waited for (a disk, a lock).
    No,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Wake {
    /// The word changed, or somebody woke the waiters. Look again.
    Woken,
    /// The process has been killed.
    Interrupted,
}

/// What the locks ask of the scheduler.
pub trait Scheduler: Sync {
    /// Sleeps while `word` is `expected`. May return early. The caller holds no spin lock.
    fn wait(&self, word: &AtomicU32, expected: u32, how: Interruptible) -> Wake;
    /// Wakes the thread that has waited longest on `word`. May be called from a trap handler. Only
    /// the address of the word counts: the word itself may be gone.
    fn wake_one(&self, word: *const AtomicU32);
    /// Wakes all threads that wait on `word`, those first that came first. Otherwise like
    /// [`Scheduler::wake_one`]. It takes the caller a bounded time, however many there are.
    fn wake_all(&self, word: *const AtomicU32);
    /// The time since some moment.
    fn milliseconds(&self) -> u64;
}

// Of core in every build: a static needs a constant, and nothing is explored before this is set.
static SCHEDULER: AtomicPtr<&'static dyn Scheduler> = AtomicPtr::new(core::ptr::null_mut());

/// Makes `scheduler` the one that is asked from now on. Before that (on the host, early in the boot) a wait spins.
pub fn install_scheduler(scheduler: &'static &'static dyn Scheduler) {
    SCHEDULER.store(core::ptr::from_ref(scheduler).cast_mut(), Ordering::Release);
}

fn scheduler() -> Option<&'static dyn Scheduler> {
    let pointer = SCHEDULER.load(Ordering::Acquire);
    // SAFETY: the pointer is null or came from a `&'static` reference in `install_scheduler`, which is never written through.
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

/// The time since some moment; without a scheduler it stands still.
pub(crate) fn milliseconds() -> u64 {
    scheduler().map_or(0, |scheduler| scheduler.milliseconds())
}

/// Threads that wait for something to happen.
///
/// Take a [`Ticket`], look whether it has happened, and if not wait with the ticket: an event between
/// the two is noticed, so no lock has to be handed over.
///
/// All who wait are woken and look again, so a queue knows no order. Where one thread takes what
/// several wait for, they take turns by a [`crate::SleepLock`], and only the one whose turn it is
/// waits in the queue.
pub struct WaitQueue {
    events: AtomicU32,
}

/// The moment before the look.
#[derive(Clone, Copy)]
pub struct Ticket(u32);

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl WaitQueue {
    constant! {
        /// A queue with nobody in it.
        pub const fn new() -> Self {
            Self {
                events: AtomicU32::new(0),
            }
        }
    }

    /// To be taken before looking whether a wait is needed.
    pub fn ticket(&self) -> Ticket {
        Ticket(self.events.load(Ordering::SeqCst))
    }

    /// Waits for an event later than the ticket. May return early: look again.
    pub fn wait<L: Level>(&self, ticket: Ticket, how: Interruptible, held: &mut Held<L>) -> Wake {
        Held::<L>::assert_may_sleep();
        let _ = held;
        wait(&self.events, ticket.0, how)
    }

    /// Something has happened: everybody looks again.
    pub fn wake_all(&self) {
        self.events.fetch_add(1, Ordering::SeqCst);
        wake_all(&self.events);
    }
}
