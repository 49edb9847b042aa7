//! Eviction: a page is written to its slot once, however many processes share it.
//!
//! `Isolate` the frame if the entries that were found are all its references → for each process
//! `Visit` its table, `Change` the entry, `Release` → `Flush` every hart that runs a sharer →
//! `Finish`: write the page, and free what has no references any more.
//!
//! Processes that share a table have one entry for the page, which the first visit changes. A walk
//! through another process's link holds that process's walk lock, so that the link stays, and with
//! it the table. Lock order: walk lock, then table.

use super::{Action, Whose};
use crate::bounds::{Bounds, HARTS, Mistake, PROCESSES};
use crate::state::{Entry, Life, State};

/// The next step of an eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EvictStep {
    /// Take a reference to the frame, if it has as many references as entries were found.
    Isolate(u8),
    /// Find the table of a process, and lock it.
    Visit(u8),
    /// By mistake: take a reference to the table that was found, which may be free by then.
    Pin(u8, u8),
    /// Replace the entry in the table that was found through the process.
    Change(u8, u8),
    /// Release both locks.
    Release(u8, u8),
    /// Make a hart forget the page, in whatever process it runs.
    Flush(u8),
    /// Write the page, and drop the references that were taken.
    Finish,
}

/// An eviction in progress.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Eviction {
    pub(crate) page: u8,
    pub(crate) frame: u8,
    /// The slot, once the frame is isolated. The eviction holds a reference to the slot and one to
    /// the frame.
    pub(crate) slot: Option<u8>,
    /// The number of references to the frame that were taken out of entries.
    pub(crate) taken: u8,
    /// The table to which a reference is held by mistake.
    pub(crate) pinned: Option<u8>,
    /// The processes through which an entry was changed, one bit each.
    changed: u8,
    pub(crate) step: EvictStep,
}

/// Returns an action for each page with which an eviction can begin.
pub(super) fn beginnings(state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    if state.evictions_left == 0 {
        return actions;
    }
    for process in state.processes.iter().filter(|it| it.life == Life::Running) {
        let Some(table) = process.link.table() else {
            continue;
        };
        for (page, entry) in state.tables[table].entries.into_iter().enumerate() {
            if let Entry::Page { frame, .. } = entry {
                let page = page as u8;
                let begin = Action::BeginEviction { page, frame };
                if !actions.contains(&begin) {
                    actions.push(begin);
                }
            }
        }
    }
    actions
}

impl State {
    pub(super) fn begin_eviction(&mut self, page: u8, frame: u8) {
        self.evictions_left -= 1;
        let mut tables: Vec<usize> = Vec::new();
        for process in self.processes.iter().filter(|it| it.life == Life::Running) {
            tables.extend(process.link.table());
        }
        tables.sort_unstable();
        tables.dedup();
        let maps = |table: &&usize| {
            let entry = self.tables[**table].entries[usize::from(page)];
            matches!(entry, Entry::Page { frame: mapped, .. } if mapped == frame)
        };
        let found = tables.iter().filter(maps).count() as u8;
        self.eviction = Some(Eviction {
            page,
            frame,
            slot: None,
            taken: 0,
            pinned: None,
            changed: 0,
            step: EvictStep::Isolate(found),
        });
    }

    pub(super) fn advance_eviction(&mut self, bounds: &Bounds) -> Option<()> {
        let mut eviction = self.eviction.take()?;
        let next = match eviction.step {
            EvictStep::Isolate(found) => self.isolate(&mut eviction, found),
            EvictStep::Visit(process) => Some(self.visit(bounds, process)?),
            EvictStep::Pin(process, table) => {
                let table_state = &mut self.tables[usize::from(table)];
                self.miscounted |= table_state.count == 0;
                table_state.count += 1;
                eviction.pinned = Some(table);
                Some(EvictStep::Change(process, table))
            }
            EvictStep::Change(process, table) => {
                self.change(&mut eviction, process, usize::from(table));
                Some(EvictStep::Release(process, table))
            }
            EvictStep::Release(process, table) => {
                if let Some(pinned) = eviction.pinned.take() {
                    self.drop_table(usize::from(pinned));
                } else {
                    self.tables[usize::from(table)].locked = None;
                    self.processes[usize::from(process)].walked = false;
                }
                Some(after_visit(process))
            }
            EvictStep::Flush(hart) => {
                for process in 0..PROCESSES {
                    let changed = eviction.changed >> process & 1 != 0;
                    if changed || !bounds.makes(Mistake::FencesOneSharer) {
                        self.fence_page(usize::from(hart), process, usize::from(eviction.page));
                    }
                }
                Some(match usize::from(hart) + 1 {
                    HARTS => EvictStep::Finish,
                    next => EvictStep::Flush(next as u8),
                })
            }
            EvictStep::Finish => {
                self.finish(&eviction);
                None
            }
        };
        self.eviction = next.map(|step| Eviction { step, ..eviction });
        Some(())
    }

    fn isolate(&mut self, eviction: &mut Eviction, found: u8) -> Option<EvictStep> {
        let frame = &mut self.frames[usize::from(eviction.frame)];
        if found == 0 || frame.count != found {
            return None;
        }
        frame.count += 1;
        eviction.slot = Some(self.take_slot());
        Some(EvictStep::Visit(0))
    }

    /// Finds the table of a process. Returns `None` if another holds its lock.
    fn visit(&mut self, bounds: &Bounds, process: u8) -> Option<EvictStep> {
        let member = &self.processes[usize::from(process)];
        let table = match (member.life, member.link.table()) {
            (Life::Running, Some(table)) => table,
            _ => return Some(after_visit(process)),
        };
        if bounds.makes(Mistake::RaisesFreedCount) {
            return Some(EvictStep::Pin(process, table as u8));
        }
        self.lock_table(table, Whose::Evictor)?;
        self.processes[usize::from(process)].walked = true;
        Some(EvictStep::Change(process, table as u8))
    }

    fn change(&mut self, eviction: &mut Eviction, process: u8, table: usize) {
        let entry = &mut self.tables[table].entries[usize::from(eviction.page)];
        let slot = eviction.slot.expect("an isolated page has a slot");
        if matches!(*entry, Entry::Page { frame, .. } if frame == eviction.frame) {
            *entry = Entry::Swapped(slot);
            self.slots[usize::from(slot)].count += 1;
            eviction.taken += 1;
            eviction.changed |= 1 << process;
        }
    }

    fn finish(&mut self, eviction: &Eviction) {
        let slot = eviction.slot.expect("an isolated page has a slot");
        let content = self.frames[usize::from(eviction.frame)].content;
        self.slots[usize::from(slot)].content = Some(content);
        for _ in 0..eviction.taken + 1 {
            self.drop_referent(Entry::Page {
                frame: eviction.frame,
                writable: false,
            });
        }
        self.drop_referent(Entry::Swapped(slot));
    }
}

/// Returns the visit of the next process, or the first flush after the last process.
fn after_visit(process: u8) -> EvictStep {
    match usize::from(process) + 1 {
        PROCESSES => EvictStep::Flush(0),
        next => EvictStep::Visit(next as u8),
    }
}
