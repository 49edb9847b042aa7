//! The end of a process: it drops one reference to its table, however many pages the table has.
//!
//! No fence is needed. No hart uses the space any more, and the next process with its identifier
//! begins with a fence.

use super::{Held, Task};
use crate::bounds::{Bounds, HARTS};
use crate::state::{Life, Link, PAGES_NONE, State};

/// The next step of an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitStep {
    /// Leave the family, so that the tables are not walked any more. Look how many sharers there
    /// are.
    Leave,
    /// Drop the reference to the table. The flag says whether other sharers were seen.
    Drop(u8, bool),
}

impl ExitStep {
    pub(super) fn held(self) -> Held {
        match self {
            Self::Leave => Held::Nothing,
            Self::Drop(table, _) => Held::Table(table),
        }
    }
}

impl State {
    pub(super) fn advance_exit(
        &mut self,
        bounds: &Bounds,
        process: usize,
        step: ExitStep,
    ) -> Option<Task> {
        match step {
            ExitStep::Leave => {
                if self.processes[process].walked {
                    return None;
                }
                let table = self.table_of(process);
                let gone = &mut self.processes[process];
                gone.link = Link::Empty;
                gone.life = Life::Gone;
                gone.expected = PAGES_NONE;
                for hart in 0..HARTS {
                    self.fence_space(hart, process);
                }
                let others = self.tables[table].count > 1;
                Some(Task::Exit(ExitStep::Drop(table as u8, others)))
            }
            ExitStep::Drop(table, others) => {
                self.drop_sharer(bounds, table, others);
                Some(Task::Idle)
            }
        }
    }
}
