//! Waiting for a word to change, and ending waits.

use sync::atomic::{AtomicU32, Ordering};
use sync::{Counted, Held, Interruptible, Level, Waiter, Wake, level};

use super::super::{Thread, current};
use super::schedule::{HartMask, Schedule};
use super::{SCHEDULE, State, rouse, switch_away};
use crate::time;

/// The scheduler that the sleep locks and wait queues of `sync` use.
struct Futex;

/// Installs this scheduler in `sync`. Until a thread runs (during boot), a wait spins.
pub fn install() {
    static FUTEX: &dyn sync::Scheduler = &Futex;
    sync::install_scheduler(&FUTEX);
}

impl sync::Scheduler for Futex {
    fn wait(&self, word: &AtomicU32, expected: u32, how: Interruptible) -> Wake {
        let Some(thread) = current() else {
            sync::relax();
            return Wake::Woken;
        };
        let is_killed = || how == Interruptible::Yes && thread.process.is_killed();
        // The trait forbids to wait while a spin lock is held.
        let mut held = Held::<level::Sleeping>::by_contract();
        let mut schedule = SCHEDULE.lock(&mut held);
        if !is_killed() && word.load(Ordering::SeqCst) == expected {
            let word = core::ptr::from_ref(word).addr();
            switch_away(&thread, &mut schedule, State::Waiting { word, how });
        }
        drop(schedule);
        if is_killed() {
            Wake::Interrupted
        } else {
            Wake::Woken
        }
    }

    fn milliseconds(&self) -> u64 {
        time::milliseconds()
    }

    fn lend_waiter(&self, body: &mut dyn FnMut(&Waiter)) {
        match current() {
            Some(thread) => body(&thread.waiter),
            // A hart's own loop, on a stack whose slot is never given to another thread.
            None => body(&Waiter::new()),
        }
    }

    fn wake_one(&self, word: *const AtomicU32) {
        wake(|schedule| schedule.wake_one(word.addr()));
    }

    fn wake_all(&self, word: *const AtomicU32) {
        wake(|schedule| schedule.wake_all(word.addr()));
    }
}

/// Wakes threads by `how`, and rouses the harts that are to run them.
fn wake(how: impl FnOnce(&mut Schedule) -> HartMask) {
    // The trait forbids to wake while a lock above this level is held.
    let mut held = Held::<level::Waiters>::by_contract();
    let harts = how(&mut SCHEDULE.lock(&mut held));
    rouse(harts);
}

/// Ends the wait of a thread whose process was marked as killed, if its wait is interruptible.
pub fn interrupt<L: Level>(thread: &Counted<Thread>, held: &mut Held<L>) {
    let mut schedule = SCHEDULE.lock(held);
    let State::Waiting {
        word,
        how: Interruptible::Yes,
    } = schedule.state(thread)
    else {
        return;
    };
    let harts = schedule.interrupt(word, thread);
    drop(schedule);
    rouse(harts);
}
