//! Waiting for a word to change, and ending waits.

use sync::atomic::{AtomicU32, Ordering};
use sync::{Held, Interruptible, Level, Wake, level};

use super::super::{Thread, current};
use super::{SCHEDULE, State, rouse, switch_away};
use crate::time;

/// What the locks wait by.
struct Futex;

/// Makes the locks wait by this scheduler. Where no thread runs (in the boot), a wait still spins.
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
        // The caller of `wait` holds no spin lock, see the trait.
        let mut held = Held::<level::Sleeping>::claim();
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

    fn wake(&self, word: *const AtomicU32, most: usize) {
        // Locks up to this level may be held; the trait has no token to say so.
        let mut held = Held::<level::Waiters>::claim();
        let mut left = most;
        while left > 0 && wake_some(word.addr(), &mut left, &mut held) {}
    }
}

/// Most threads that are woken under one hold of the lock, because very many may wait for a word.
const WOKEN_AT_ONCE: usize = 32;

/// Wakes at most `left` threads that wait for a word; whether others may be left.
fn wake_some(word: usize, left: &mut usize, held: &mut Held<level::Waiters>) -> bool {
    let most = WOKEN_AT_ONCE.min(*left);
    let mut schedule = SCHEDULE.lock(held);
    let mut woken = 0;
    while woken < most {
        let Some(thread) = schedule.take_waiting(word) else {
            break;
        };
        schedule.make_ready(thread);
        woken += 1;
    }
    let idle = schedule.take_idle(woken);
    drop(schedule);
    rouse(idle);
    *left -= woken;
    woken == most
}

/// Ends the wait of a thread whose process has been marked as killed, if a kill may end it.
pub fn interrupt<L: Level>(thread: &Thread, held: &mut Held<L>) {
    let mut schedule = SCHEDULE.lock(held);
    let State::Waiting {
        word,
        how: Interruptible::Yes,
    } = schedule.state(thread)
    else {
        return;
    };
    if let Some(thread) = schedule.stop_waiting(word, thread) {
        schedule.make_ready(thread);
    }
    let idle = schedule.take_idle(1);
    drop(schedule);
    rouse(idle);
}
