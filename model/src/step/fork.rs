//! Fork in mode 2: the child gets a reference to the parent's table.
//!
//! `Reference` → `CloseParent` → `LinkChild` → `Flush` → `Publish`. A table that is protected
//! already is shared by open links. Any other table is closed in both processes, so that the first
//! touch pushes the protection down (RISC-V) or the upper entry forbids writing (x86). The parent's
//! writable translations are flushed before the child can run (R3).

use super::{Held, Task};
use crate::bounds::{Bounds, HARTS, Mistake, is_active};
use crate::state::{Life, Link, State};

/// The next step of a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForkStep {
    /// Add a reference to the parent's table.
    Reference,
    /// Close the parent's link, unless the table is protected.
    CloseParent,
    /// Write the child's link.
    LinkChild,
    /// Make a hart forget the parent's translations.
    Flush(u8),
    /// Let the child run.
    Publish,
}

impl ForkStep {
    /// Returns no reference. The one that the child's link will hold is counted by
    /// [`ForkStep::holds_table`], because the parent's link says to which table it is.
    pub(super) fn held(self) -> Held {
        Held::Nothing
    }

    /// Returns whether the child's reference is taken and its link not written yet.
    pub(crate) fn holds_table(self) -> bool {
        matches!(self, Self::CloseParent | Self::LinkChild)
    }
}

/// Returns whether a fork is making this process.
pub(super) fn is_being_made(state: &State, process: usize) -> bool {
    state.processes.iter().any(
        |other| matches!(other.task, Task::Fork { child, .. } if usize::from(child) == process),
    )
}

impl State {
    pub(super) fn advance_fork(
        &mut self,
        bounds: &Bounds,
        parent: usize,
        child: u8,
        step: ForkStep,
    ) -> Task {
        let link = self.processes[parent].link;
        let table = link.table().expect("a running process has a table");
        let next = match step {
            ForkStep::Reference => {
                self.tables[table].count += 1;
                ForkStep::CloseParent
            }
            ForkStep::CloseParent => {
                if !self.tables[table].protected {
                    self.processes[parent].link = Link::Closed(table as u8);
                }
                ForkStep::LinkChild
            }
            ForkStep::LinkChild => {
                self.processes[usize::from(child)].link = link;
                ForkStep::Flush(0)
            }
            ForkStep::Flush(hart) => {
                let flushes = !bounds.makes(Mistake::NoFlushAfterFork);
                if flushes && is_active(parent, usize::from(hart)) {
                    self.fence_space(usize::from(hart), parent);
                }
                match usize::from(hart) + 1 {
                    HARTS => ForkStep::Publish,
                    next => ForkStep::Flush(next as u8),
                }
            }
            ForkStep::Publish => {
                let expected = self.processes[parent].expected;
                let child = &mut self.processes[usize::from(child)];
                child.expected = expected;
                child.life = Life::Running;
                return Task::Idle;
            }
        };
        Task::Fork { child, step: next }
    }
}
