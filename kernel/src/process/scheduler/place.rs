//! A thread's part of the schedule. It is reached with the [`ScheduleKey`](super::key::ScheduleKey)
//! alone, which the schedule has.

use kernel_logic::stack_slot::Newcomers;
use sync::{Counted, Interruptible};

use super::super::Context;
use super::queue::{Links, Queue};
use crate::arch::{FloatState, KernelContext};

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is in the queue of ready threads.
    Ready,
    /// It runs on a hart.
    Running,
    /// It is in the line of the word at this address, or in a line that was woken and is not ready
    /// yet.
    Waiting {
        /// The word's address. It is never followed, because the word may be gone.
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
    /// The rest of its line, if it is the head: the later threads that wait for its word.
    pub(super) behind: Queue,
    /// The number of the line it waits in.
    pub(super) line: u64,
    pub(super) state: State,
    /// Its saved registers, while it does not run.
    pub(super) registers: KernelContext,
    /// The harts that have not run on its stack yet.
    pub(super) newcomers: Newcomers,
    /// The address space of its hart while it runs; `None` if it needs no user memory.
    pub(super) space: Option<Counted<Context>>,
    pub(super) float: FloatState,
}

impl Place {
    /// Returns the place of a thread that is in no queue yet.
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
