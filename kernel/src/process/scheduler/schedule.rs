//! The schedule: the ready threads, the waiting threads ([`super::waiting`]) and the idle harts,
//! all under the scheduler's lock.

use sync::Counted;

use super::super::Thread;
use super::key::ScheduleKey;
use super::place::{Place, State};
use super::queue::Queue;
use super::waiting::Waiting;
use crate::arch::{self, KernelContext};

/// How many woken threads are made ready under one hold of the lock. There may be very many.
const ADMITTED_AT_ONCE: usize = 32;

/// A set of harts, one bit per index.
#[derive(Clone, Copy)]
pub struct HartMask(u64);

impl Iterator for HartMask {
    type Item = usize;

    /// Takes the lowest hart out.
    fn next(&mut self) -> Option<usize> {
        let hart = self.0.trailing_zeros();
        self.0 &= self.0.checked_sub(1)?;
        Some(hart as usize)
    }
}

/// The schedule.
pub struct Schedule {
    pub(super) key: ScheduleKey,
    ready: Queue,
    waiting: Waiting,
    idle: HartMask,
}

impl Schedule {
    pub(super) const fn new() -> Self {
        Self {
            // SAFETY: called once, for the one static.
            key: unsafe { ScheduleKey::new() },
            ready: Queue::new(),
            waiting: Waiting::new(),
            idle: HartMask(0),
        }
    }

    /// Returns the state of a thread.
    pub fn state(&self, thread: &Thread) -> State {
        thread.place.get(&self.key).state
    }

    pub(super) fn place<'a>(&'a mut self, thread: &'a Thread) -> &'a mut Place {
        thread.place.get_mut(&mut self.key)
    }

    /// Returns whether another thread could run.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty() || self.waiting.has_woken()
    }

    /// Removes and returns the thread to run next.
    pub(super) fn next(&mut self) -> Option<Counted<Thread>> {
        self.ready.pop(&mut self.key)
    }

    /// Queues a thread that waited or is new.
    pub(super) fn make_ready(&mut self, thread: Counted<Thread>) {
        self.place(&thread).state = State::Ready;
        self.ready.push(&mut self.key, thread);
    }

    /// Makes the thread ready that has waited longest for `word`. Returns the hart to rouse, if
    /// any.
    pub(super) fn wake_one(&mut self, word: usize) -> HartMask {
        match self.waiting.take_first(&mut self.key, word) {
            Some(thread) => {
                self.make_ready(thread);
                self.take_idle(1)
            }
            None => HartMask(0),
        }
    }

    /// Wakes all threads that wait for `word`; the next hart that chooses a thread makes them
    /// ready. Returns the hart to rouse for that, if any.
    pub(super) fn wake_all(&mut self, word: usize) -> HartMask {
        if self.waiting.wake_line(&mut self.key, word) {
            self.take_idle(1)
        } else {
            HartMask(0)
        }
    }

    /// Ends the wait of `thread` for `word`, unless it was woken already. Returns the hart to
    /// rouse, if any.
    pub(super) fn interrupt(&mut self, word: usize, thread: &Counted<Thread>) -> HartMask {
        if self.waiting.take(&mut self.key, word, thread) {
            self.make_ready(thread.clone());
            self.take_idle(1)
        } else {
            HartMask(0)
        }
    }

    /// Returns whether some threads woken by [`Schedule::wake_all`] are not ready yet.
    pub(super) fn has_woken(&self) -> bool {
        self.waiting.has_woken()
    }

    /// Makes up to `ADMITTED_AT_ONCE` woken threads ready. Returns the harts to rouse for them.
    pub(super) fn admit_woken(&mut self) -> HartMask {
        let mut admitted = 0;
        while admitted < ADMITTED_AT_ONCE
            && let Some(thread) = self.waiting.take_woken(&mut self.key)
        {
            self.make_ready(thread);
            admitted += 1;
        }
        self.take_idle(admitted)
    }

    /// Prepares this hart to run `thread`. Returns where the thread's registers are saved.
    pub(super) fn begin(&mut self, thread: &Thread) -> *const KernelContext {
        let place = self.place(thread);
        place.state = State::Running;
        if place.newcomers.come(arch::hart()) {
            arch::forget_stacks();
        }
        if let Some(space) = &place.space {
            space.enter();
        }
        place.float.restore();
        &raw const place.registers
    }

    /// Sets the state of a running thread that gives its hart up. Returns where to save its
    /// registers.
    pub(super) fn set_aside(&mut self, thread: &Thread, state: State) -> *mut KernelContext {
        let place = self.place(thread);
        place.state = state;
        &raw mut place.registers
    }

    /// Releases `thread`, which has switched away, from this hart, and queues it as its state says.
    /// Returns the thread if it has ended.
    pub(super) fn end(&mut self, thread: Counted<Thread>) -> Option<Counted<Thread>> {
        let place = self.place(&thread);
        place.float.save();
        if let Some(space) = &place.space {
            space.leave();
        }
        match place.state {
            State::Ready => self.ready.push(&mut self.key, thread),
            State::Waiting { .. } => self.waiting.push(&mut self.key, thread),
            State::Ended => return Some(thread),
            State::Running => unreachable!("a thread left its hart without saying why"),
        }
        None
    }

    pub(super) fn set_idle(&mut self, hart: usize) {
        self.idle.0 |= 1 << hart;
    }

    pub(super) fn set_busy(&mut self, hart: usize) {
        self.idle.0 &= !(1 << hart);
    }

    /// Returns at most `most` idle harts, to be roused, and marks them busy. If this hart is idle,
    /// it counts as one of them but is not returned: it is in a handler and looks at the queue
    /// next.
    pub(super) fn take_idle(&mut self, most: usize) -> HartMask {
        let mut taken = 0;
        let mut left = most;
        let here = 1 << arch::hart();
        if self.idle.0 & here != 0 {
            left = left.saturating_sub(1);
        }
        for hart in HartMask(self.idle.0 & !here).take(left) {
            taken |= 1 << hart;
        }
        self.idle.0 &= !(taken | here);
        HartMask(taken)
    }
}
