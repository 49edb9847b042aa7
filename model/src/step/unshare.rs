//! Pushing the protection down, and making a table a process's own.
//!
//! `Lock` → `Protect` each entry → `Summarize`. Then, if the process only walks the table, its link
//! is opened. If it changes the table, the table is copied: `Copy` each entry, with a reference to
//! its referent → `Unlock` → `Break` the link → `Flush` the whole space, because an upper entry
//! changes → `Make` the link → `Drop` the old table.
//!
//! Under the lock of a shared table, only changes are made that all sharers see alike. The
//! references are added before the old table is dropped. A sharer that then finds itself alone
//! therefore also finds those references.

use super::fault::FaultStep;
use super::{Held, Whose};
use crate::bounds::{Bounds, HARTS, Mistake, is_active};
use crate::state::{Entry, Link, State};

/// Why a process needs the shared table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// To walk through it, together with its other sharers.
    Walk,
    /// To change it.
    Own,
}

/// The next step of unsharing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnshareStep {
    /// Take the lock of the table.
    Lock,
    /// Remove the right to write from an entry.
    Protect(u8),
    /// Set the summary: no entry is writable.
    Summarize,
    /// Open the link.
    Open,
    /// Copy an entry to the new table, and add a reference to its referent.
    Copy(u8, u8),
    /// Release the lock.
    Unlock(u8),
    /// Take the old table out of the link.
    Break(u8),
    /// Make a hart forget the whole space. The fields are the hart, the new table and the old one.
    Flush(u8, u8, u8),
    /// Put the new table into the link. The fields are the new table and the old one.
    Make(u8, u8),
    /// Drop the reference to this old table, of which other sharers were seen.
    Drop(u8),
    /// By mistake: add the references that the copied entries lack.
    AddReferences,
}

impl UnshareStep {
    pub(super) fn held(self) -> [Held; 2] {
        match self {
            Self::Copy(new, _) | Self::Unlock(new) | Self::Break(new) => {
                [Held::Table(new), Held::Nothing]
            }
            Self::Flush(_, new, old) | Self::Make(new, old) => [Held::Table(new), Held::Table(old)],
            Self::Drop(old) => [Held::Table(old), Held::Nothing],
            _ => [Held::Nothing; 2],
        }
    }
}

impl State {
    pub(super) fn advance_unshare(
        &mut self,
        bounds: &Bounds,
        process: usize,
        page: u8,
        goal: Goal,
        step: UnshareStep,
    ) -> Option<FaultStep> {
        let whose = Whose::Process(process as u8);
        let last = bounds.pages as u8 - 1;
        let next = match step {
            UnshareStep::Lock => {
                let table = self.table_of(process);
                self.lock_table(table, whose)?;
                if self.tables[table].protected {
                    self.after_protection(goal)
                } else {
                    UnshareStep::Protect(0)
                }
            }
            UnshareStep::Protect(index) => {
                let table = self.table_of(process);
                let entry = &mut self.tables[table].entries[usize::from(index)];
                let forgotten = bounds.makes(Mistake::ProtectionStopsShort) && index == last;
                if let Entry::Page { writable, .. } = entry
                    && !forgotten
                {
                    *writable = false;
                }
                if index < last {
                    UnshareStep::Protect(index + 1)
                } else {
                    UnshareStep::Summarize
                }
            }
            UnshareStep::Summarize => {
                let table = self.table_of(process);
                self.tables[table].protected = true;
                self.after_protection(goal)
            }
            UnshareStep::Open => {
                let table = self.table_of(process);
                self.tables[table].locked = None;
                self.processes[process].link = Link::Open(table as u8);
                return Some(FaultStep::Look);
            }
            UnshareStep::Copy(new, index) => {
                let table = self.table_of(process);
                let entry = self.tables[table].entries[usize::from(index)];
                self.tables[usize::from(new)].entries[usize::from(index)] = entry;
                if !bounds.makes(Mistake::DropsBeforeReferences) {
                    self.add_referent(entry);
                }
                if index < last {
                    UnshareStep::Copy(new, index + 1)
                } else {
                    self.tables[usize::from(new)].protected = true;
                    UnshareStep::Unlock(new)
                }
            }
            UnshareStep::Unlock(new) => {
                let table = self.table_of(process);
                self.tables[table].locked = None;
                UnshareStep::Break(new)
            }
            UnshareStep::Break(new) => {
                if self.processes[process].walked {
                    return None;
                }
                let old = self.table_of(process) as u8;
                self.processes[process].link = Link::Empty;
                UnshareStep::Flush(0, new, old)
            }
            UnshareStep::Flush(hart, new, old) => {
                let number = usize::from(hart);
                if is_active(process, number) && bounds.makes(Mistake::FencesOnePage) {
                    self.fence_page(number, process, usize::from(page));
                } else if is_active(process, number) {
                    self.fence_space(number, process);
                }
                match number + 1 {
                    HARTS => UnshareStep::Make(new, old),
                    next => UnshareStep::Flush(next as u8, new, old),
                }
            }
            UnshareStep::Make(new, old) => {
                self.processes[process].link = Link::Open(new);
                UnshareStep::Drop(old)
            }
            UnshareStep::Drop(old) => {
                self.drop_sharer(bounds, old, true);
                if !bounds.makes(Mistake::DropsBeforeReferences) {
                    return Some(FaultStep::Look);
                }
                UnshareStep::AddReferences
            }
            UnshareStep::AddReferences => {
                for entry in self.tables[self.table_of(process)].entries {
                    self.add_referent(entry);
                }
                return Some(FaultStep::Look);
            }
        };
        Some(FaultStep::Unshare(goal, next))
    }

    /// Returns the step that follows once the table is protected.
    fn after_protection(&mut self, goal: Goal) -> UnshareStep {
        match goal {
            Goal::Walk => UnshareStep::Open,
            Goal::Own => UnshareStep::Copy(self.take_table(), 0),
        }
    }
}
