//! The thread that makes a system call or faults, and the locks it holds.

use sync::{Held, level};

use super::{Current, Process, current};

/// A thread that came from user mode, or begins, and holds no lock.
pub struct Caller {
    /// The thread.
    pub thread: Current,
    /// Proof that it holds no lock.
    pub held: Held<level::Nothing>,
}

impl Caller {
    /// Returns the thread that runs here. Called once, where a trap from user mode or the first
    /// function of a thread begins.
    #[inline]
    pub fn at_start() -> Self {
        Self {
            thread: current().expect("a trap from user mode, or a thread's beginning"),
            held: Held::at_start(),
        }
    }

    /// Returns the process the thread belongs to.
    pub fn process(&self) -> &Process {
        &self.thread.process
    }
}
