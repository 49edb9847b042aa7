//! What the scheduler's lock protects: each thread's place in the schedule, the ready threads, and
//! those that wait ([`super::waiting`]).

use kernel_logic::stack_slot::Newcomers;
use sync::{Counted, Interruptible, Key};

use super::super::{Context, Thread};
use super::queue::{Links, Queue};
use super::waiting::Waiting;
use crate::arch::{self, FloatState, KernelContext};

/// Most woken threads that are made ready under one hold of the lock, because there may be very
/// many.
const ADMITTED_AT_ONCE: usize = 32;

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is in the queue of those that could run.
    Ready,
    /// It is on a hart.
    Running,
    /// It is in the line of the word at this address, or has been woken with all of it.
    Waiting {
        /// The word's address, never followed: what it points to may be gone.
        word: usize,
        /// Whether a kill ends the wait.
        how: Interruptible,
    },
    /// It will never run again.
    Ended,
}

/// A thread's part of the schedule.
pub struct Place {
    /// Its neighbours in its queue.
    pub(super) links: Links,
    /// Who waits for the same word and came later, if it is the first of its line.
    pub(super) behind: Queue,
    /// The number of the line it waits in.
    pub(super) line: u64,
    pub(super) state: State,
    /// What it goes on with, while it does not run.
    pub(super) registers: KernelContext,
    /// The harts that have not run on its stack yet.
    newcomers: Newcomers,
    /// What its hart translates with; `None` if it needs no user memory.
    pub(super) space: Option<Counted<Context>>,
    pub(super) float: FloatState,
}

impl Place {
    /// The place of a thread that is in no queue yet.
    pub fn new(
        registers: KernelContext,
        float: FloatState,
        space: Option<Counted<Context>>,
    ) -> Self {
        Self {
            links: Links::default(),
            behind: Queue::new(),
            line: 0,
            state: State::Ready,
            registers,
            newcomers: Newcomers::all(),
            space,
            float,
        }
    }
}

/// Opens the places of all threads; kept in the [`Schedule`].
pub struct ScheduleKey(());

// SAFETY: the field is private to this module, which makes one in `Schedule::new`; that is called once, for the one static.
unsafe impl Key for ScheduleKey {}

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
            key: ScheduleKey(()),
            ready: Queue::new(),
            waiting: Waiting::new(),
            idle: HartMask(0),
        }
    }

    /// The state of a thread.
    pub fn state(&self, thread: &Thread) -> State {
        thread.place.get(&self.key).state
    }

    pub(super) fn place<'a>(&'a mut self, thread: &'a Thread) -> &'a mut Place {
        thread.place.get_mut(&mut self.key)
    }

    /// Whether another thread could run.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty() || self.waiting.has_woken()
    }

    /// The thread to run next.
    pub(super) fn next(&mut self) -> Option<Counted<Thread>> {
        self.ready.pop(&mut self.key)
    }

    /// Queues a thread that waited or is new.
    pub(super) fn make_ready(&mut self, thread: Counted<Thread>) {
        self.place(&thread).state = State::Ready;
        self.ready.push(&mut self.key, thread);
    }

    /// Makes the thread ready that has waited longest for `word`. Returns a hart to rouse for it.
    pub(super) fn wake_one(&mut self, word: usize) -> HartMask {
        match self.waiting.take_first(&mut self.key, word) {
            Some(thread) => {
                self.make_ready(thread);
                self.take_idle(1)
            }
            None => HartMask(0),
        }
    }

    /// Has all who wait for `word` made ready by the next hart that chooses a thread. Returns a hart
    /// to rouse for that.
    pub(super) fn wake_all(&mut self, word: usize) -> HartMask {
        if self.waiting.wake_line(&mut self.key, word) {
            self.take_idle(1)
        } else {
            HartMask(0)
        }
    }

    /// Ends the wait of a thread for `word`, unless it has been woken already. Returns a hart to
    /// rouse for it.
    pub(super) fn interrupt(&mut self, word: usize, thread: &Counted<Thread>) -> HartMask {
        if self.waiting.take(&mut self.key, word, thread) {
            self.make_ready(thread.clone());
            self.take_idle(1)
        } else {
            HartMask(0)
        }
    }

    /// Whether threads are left that were woken by [`Schedule::wake_all`].
    pub(super) fn has_woken(&self) -> bool {
        self.waiting.has_woken()
    }

    /// Makes some of those threads ready. Returns the harts to rouse for them.
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

    /// Prepares this hart for `thread`; where the thread's registers are.
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

    /// Says what a running thread does from now on; where its registers go.
    pub(super) fn set_aside(&mut self, thread: &Thread, state: State) -> *mut KernelContext {
        let place = self.place(thread);
        place.state = state;
        &raw mut place.registers
    }

    /// Frees this hart of `thread`, which has switched away, and queues it as its state says.
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

    /// At most `most` idle harts, which are to be roused. This hart is not among them: if it is
    /// idle, it is in a handler and looks at the queue next.
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
