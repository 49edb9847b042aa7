//! The thread that makes a system call or faults, and the locks it holds.

use sync::{Held, level};

use super::{Current, Process};

/// A thread that came from user mode and holds no lock. It is made once, where the trap arrives.
pub struct Caller {
    /// The thread.
    pub thread: Current,
    /// Proof that it holds no lock.
    pub held: Held<level::Nothing>,
}

impl Caller {
    /// Returns the process the thread belongs to.
    pub fn process(&self) -> &Process {
        &self.thread.process
    }
}
