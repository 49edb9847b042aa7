//! A fault, the one way to a page.
//!
//! `Look` decides, under the lock of the address space, by the path from the top. A table with
//! other referrers is unshared before anything is filled or written ([`super::unshare`]). A closed
//! link to a table with no other referrer is reopened without copying. A write to a page whose
//! frame has one reference is a reuse. Any other write is a copy: break, flush, copy, make (R3).
//!
//! The summary of a table is cleared before its first entry becomes writable. Otherwise the next
//! fork would take the table for protected, and would share a writable entry.

use super::unshare::{Goal, UnshareStep};
use super::{Held, Task, Whose};
use crate::bounds::{Bounds, Format, HARTS, Mistake, is_active};
use crate::state::{Entry, Link, State};

/// The access of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
}

/// The entry that becomes writable once the summary is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opened {
    /// A page of zeros, in an empty entry.
    Fill,
    /// The page in this frame, to which no other process refers.
    Reuse(u8),
    /// A page in the second frame, the copy of the page in the first.
    Copy(u8, u8),
}

/// The next step of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultStep {
    /// Look at the path, and decide.
    Look,
    /// Unshare a table with other referrers.
    Unshare(Goal, UnshareStep),
    /// Take the lock of the table, in order to read a page from swap.
    LockForSwap,
    /// Replace the entry of a swapped page by a read-only page.
    SwapIn,
    /// Make a hart forget the page in this frame, whose entry was broken.
    FlushPage(u8, u8),
    /// Copy the frame.
    CopyFrame(u8),
    /// Clear the summary of the table.
    ClearSummary(Opened),
    /// Write the entry.
    Make(Opened),
}

impl FaultStep {
    pub(super) fn held(self) -> [Held; 2] {
        match self {
            Self::Unshare(_, step) => step.held(),
            Self::FlushPage(_, old) | Self::CopyFrame(old) => [Held::Frame(old), Held::Nothing],
            Self::ClearSummary(Opened::Copy(old, new)) | Self::Make(Opened::Copy(old, new)) => {
                [Held::Frame(old), Held::Frame(new)]
            }
            _ => [Held::Nothing; 2],
        }
    }
}

impl State {
    pub(super) fn advance_fault(
        &mut self,
        bounds: &Bounds,
        process: usize,
        page: u8,
        access: Access,
        step: FaultStep,
    ) -> Option<Task> {
        let next = match step {
            FaultStep::Look => self.look(bounds, process, page, access)?,
            FaultStep::Unshare(goal, step) => {
                Some(self.advance_unshare(bounds, process, page, goal, step)?)
            }
            FaultStep::LockForSwap => {
                self.lock_table(self.table_of(process), Whose::Process(process as u8))?;
                Some(FaultStep::SwapIn)
            }
            FaultStep::SwapIn => {
                self.swap_in(process, page);
                Some(FaultStep::Look)
            }
            FaultStep::FlushPage(hart, old) => {
                if is_active(process, usize::from(hart)) {
                    self.fence_page(usize::from(hart), process, usize::from(page));
                }
                Some(match usize::from(hart) + 1 {
                    HARTS => FaultStep::CopyFrame(old),
                    next => FaultStep::FlushPage(next as u8, old),
                })
            }
            FaultStep::CopyFrame(old) => {
                let new = self.take_frame(self.frames[usize::from(old)].content);
                Some(FaultStep::ClearSummary(Opened::Copy(old, new)))
            }
            FaultStep::ClearSummary(opened) => {
                if !bounds.makes(Mistake::SummaryKept) {
                    let table = self.table_of(process);
                    self.tables[table].protected = false;
                }
                Some(FaultStep::Make(opened))
            }
            FaultStep::Make(opened) => {
                self.make(process, page, opened);
                Some(FaultStep::Look)
            }
        };
        Some(next.map_or(Task::Idle, |step| Task::Fault { page, access, step }))
    }

    /// Decides what the page needs next. Returns `Some(None)` if it needs nothing, and `None` if
    /// the thread must wait.
    fn look(
        &mut self,
        bounds: &Bounds,
        process: usize,
        page: u8,
        access: Access,
    ) -> Option<Option<FaultStep>> {
        let link = self.processes[process].link;
        let table = self.table_of(process);
        let shared = self.tables[table].count > 1;
        let entry = self.tables[table].entries[usize::from(page)];
        let unshare = |goal| Some(Some(FaultStep::Unshare(goal, UnshareStep::Lock)));

        if let Link::Closed(closed) = link {
            if !shared {
                // The process is the only referrer, so no other can raise the count.
                self.processes[process].link = Link::Open(closed);
                return Some(Some(FaultStep::Look));
            }
            if access == Access::Read && bounds.format == Format::Sv39 {
                return unshare(Goal::Walk);
            }
        }
        match (entry, access) {
            (Entry::Swapped(slot), _) => {
                // A process that touches a page in transfer to swap waits for the write.
                self.slots[usize::from(slot)].content?;
                Some(Some(FaultStep::LockForSwap))
            }
            (Entry::Empty, _) if shared && !bounds.makes(Mistake::FillsSharedTable) => {
                unshare(Goal::Own)
            }
            (Entry::Empty, _) => Some(Some(FaultStep::ClearSummary(Opened::Fill))),
            (Entry::Page { .. }, Access::Read) => Some(None),
            (Entry::Page { .. }, Access::Write)
                if shared && !bounds.makes(Mistake::PathNotCounted) =>
            {
                unshare(Goal::Own)
            }
            (Entry::Page { writable: true, .. }, Access::Write) => Some(None),
            (Entry::Page { frame, .. }, Access::Write) => {
                if self.frames[usize::from(frame)].count == 1 {
                    return Some(Some(FaultStep::ClearSummary(Opened::Reuse(frame))));
                }
                // Break: from here on the thread holds the reference that the entry held.
                self.tables[table].entries[usize::from(page)] = Entry::Empty;
                Some(Some(FaultStep::FlushPage(0, frame)))
            }
        }
    }

    /// Returns the table of a running process.
    pub(super) fn table_of(&self, process: usize) -> usize {
        let link = self.processes[process].link;
        link.table().expect("a running process has a table")
    }

    /// Takes the lock of a table. Returns `None` if another holds it.
    pub(super) fn lock_table(&mut self, table: usize, whose: Whose) -> Option<()> {
        let lock = &mut self.tables[table].locked;
        lock.is_none().then(|| *lock = Some(whose))
    }

    /// Makes a page present again, read-only, for all sharers of the table.
    fn swap_in(&mut self, process: usize, page: u8) {
        let table = self.table_of(process);
        let entry = self.tables[table].entries[usize::from(page)];
        if let Entry::Swapped(slot) = entry
            && let Some(content) = self.slots[usize::from(slot)].content
        {
            let frame = self.take_frame(content);
            self.tables[table].entries[usize::from(page)] = Entry::Page {
                frame,
                writable: false,
            };
            self.drop_referent(entry);
        }
        self.tables[table].locked = None;
    }

    /// Writes an entry, if the page is still in the state on which the decision was based.
    fn make(&mut self, process: usize, page: u8, opened: Opened) {
        let table = self.table_of(process);
        let entry = &mut self.tables[table].entries[usize::from(page)];
        let page_of = |frame| Entry::Page {
            frame,
            writable: true,
        };
        match opened {
            Opened::Fill => {
                let frame = self.take_frame(0);
                self.tables[table].entries[usize::from(page)] = page_of(frame);
                self.processes[process].expected[usize::from(page)] = Some(0);
            }
            Opened::Reuse(frame) => {
                let unchanged = Entry::Page {
                    frame,
                    writable: false,
                };
                if *entry == unchanged {
                    *entry = page_of(frame);
                }
            }
            Opened::Copy(old, new) => {
                *entry = page_of(new);
                self.drop_referent(page_of(old));
            }
        }
    }
}
