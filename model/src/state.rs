//! The state: processes with their links, tables, frames, slots, and the evictor.
//!
//! Invariant: a free node (count 0) is as it was in the beginning, so that two states which differ
//! only in their past are equal.

use crate::bounds::{Bounds, HARTS, PAGES, PROCESSES};
use crate::step::evict::Eviction;
use crate::step::{Task, Whose};
use crate::tlb::Tlb;

/// The number of tables: for each process one that it has, and one that it is building or giving
/// up.
pub(crate) const TABLES: usize = 2 * PROCESSES;
/// The number of frames: one for each page of each process, one to which each process copies, and
/// one that is being evicted.
pub(crate) const FRAMES: usize = PROCESSES * PAGES + PROCESSES + 1;
/// The number of slots: one for each page of each process, and one in transfer.
pub(crate) const SLOTS: usize = PROCESSES * PAGES + 1;

/// The contents of a page, as a number. Equal numbers are equal contents. Untouched memory is 0.
pub(crate) type Content = u8;

/// The contents that a process without memory expects.
pub(crate) const PAGES_NONE: [Option<Content>; PAGES] = [None; PAGES];

/// The upper entry of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Link {
    /// No table: the process does not exist yet, has ended, or is between break and make.
    Empty,
    /// The hardware walks on, with the rights that the entries below give.
    Open(u8),
    /// The table was shared before it was protected. On RISC-V the link is invalid, with a software
    /// mark. On x86 it is present without the right to write.
    Closed(u8),
}

impl Link {
    /// Returns the table that the link refers to.
    pub(crate) fn table(self) -> Option<usize> {
        match self {
            Self::Empty => None,
            Self::Open(table) | Self::Closed(table) => Some(usize::from(table)),
        }
    }
}

/// The phase of a process's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Life {
    Unborn,
    Running,
    Gone,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) life: Life,
    pub(crate) link: Link,
    /// The contents that the process must read from each page. `None` if it does not have the page.
    pub(crate) expected: [Option<Content>; PAGES],
    /// The operation of its thread in the kernel, which holds the lock of the address space.
    pub(crate) task: Task,
    /// Whether the evictor walks its tables. While it does, the link does not change.
    pub(crate) walked: bool,
}

/// The entry of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Entry {
    Empty,
    Page { frame: u8, writable: bool },
    Swapped(u8),
}

/// A leaf table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Table {
    pub(crate) count: u8,
    /// The summary, which says that no entry is writable.
    pub(crate) protected: bool,
    /// The holder of the table's lock.
    pub(crate) locked: Option<Whose>,
    pub(crate) entries: [Entry; PAGES],
}

/// A free table.
pub(crate) const FREE_TABLE: Table = Table {
    count: 0,
    protected: false,
    locked: None,
    entries: [Entry::Empty; PAGES],
};

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Frame {
    pub(crate) count: u8,
    pub(crate) content: Content,
}

/// A slot of the swap device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Slot {
    pub(crate) count: u8,
    /// The contents that were written, if the write has ended.
    pub(crate) content: Option<Content>,
}

/// The whole state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) processes: [Process; PROCESSES],
    pub(crate) tables: [Table; TABLES],
    pub(crate) frames: [Frame; FRAMES],
    pub(crate) slots: [Slot; SLOTS],
    pub(crate) tlbs: [Tlb; HARTS],
    pub(crate) eviction: Option<Eviction>,
    pub(crate) evictions_left: u8,
    /// Whether a count was raised from 0 or lowered below 0.
    pub(crate) miscounted: bool,
}

impl State {
    /// Returns the initial state: one process with one page, which it may write.
    pub(crate) fn initial(bounds: &Bounds) -> Self {
        let unborn = Process {
            life: Life::Unborn,
            link: Link::Empty,
            expected: [None; PAGES],
            task: Task::Idle,
            walked: false,
        };
        let mut state = Self {
            processes: core::array::from_fn(|_| unborn.clone()),
            tables: [FREE_TABLE; TABLES],
            frames: [Frame::default(); FRAMES],
            slots: [Slot::default(); SLOTS],
            tlbs: core::array::from_fn(|_| Tlb::default()),
            eviction: None,
            evictions_left: bounds.evictions,
            miscounted: false,
        };
        let frame = state.take_frame(1);
        let table = state.take_table();
        state.tables[usize::from(table)].entries[0] = Entry::Page {
            frame,
            writable: true,
        };
        let first = &mut state.processes[0];
        first.life = Life::Running;
        first.link = Link::Open(table);
        first.expected[0] = Some(1);
        state.fill_tlbs(bounds);
        state
    }

    /// Allocates a table with one reference. Returns its number.
    pub(crate) fn take_table(&mut self) -> u8 {
        let free = self.tables.iter().position(|table| table.count == 0);
        let table = free.expect("there is a table for everybody");
        self.tables[table].count = 1;
        table as u8
    }

    /// Allocates a frame with one reference. Returns its number.
    pub(crate) fn take_frame(&mut self, content: Content) -> u8 {
        let free = self.frames.iter().position(|frame| frame.count == 0);
        let frame = free.expect("there is a frame for everybody");
        self.frames[frame] = Frame { count: 1, content };
        frame as u8
    }

    /// Allocates a slot with one reference and without contents. Returns its number.
    pub(crate) fn take_slot(&mut self) -> u8 {
        let free = self.slots.iter().position(|slot| slot.count == 0);
        let slot = free.expect("there is a slot for everybody");
        self.slots[slot].count = 1;
        slot as u8
    }

    /// Adds a reference to the referent of an entry.
    pub(crate) fn add_referent(&mut self, entry: Entry) {
        let count = match entry {
            Entry::Empty => return,
            Entry::Page { frame, .. } => &mut self.frames[usize::from(frame)].count,
            Entry::Swapped(slot) => &mut self.slots[usize::from(slot)].count,
        };
        self.miscounted |= *count == 0;
        *count += 1;
    }

    /// Drops a reference to the referent of an entry. With the last reference, the referent is
    /// freed.
    pub(crate) fn drop_referent(&mut self, entry: Entry) {
        match entry {
            Entry::Empty => {}
            Entry::Page { frame, .. } => {
                let frame = &mut self.frames[usize::from(frame)];
                let left = frame.count.checked_sub(1);
                self.miscounted |= left.is_none();
                frame.count = left.unwrap_or(0);
                if frame.count == 0 {
                    *frame = Frame::default();
                }
            }
            Entry::Swapped(slot) => {
                let slot = &mut self.slots[usize::from(slot)];
                let left = slot.count.checked_sub(1);
                self.miscounted |= left.is_none();
                slot.count = left.unwrap_or(0);
                if slot.count == 0 {
                    *slot = Slot::default();
                }
            }
        }
    }

    /// Drops a reference to a table. With the last reference, the table is freed, and the
    /// references of its entries are dropped.
    pub(crate) fn drop_table(&mut self, table: usize) {
        let left = self.tables[table].count.checked_sub(1);
        self.miscounted |= left.is_none();
        self.tables[table].count = left.unwrap_or(0);
        if left == Some(0) {
            let entries = self.tables[table].entries;
            self.tables[table] = FREE_TABLE;
            for entry in entries {
                self.drop_referent(entry);
            }
        }
    }

    /// Renumbers the contents in the order in which they are met, because the numbers themselves
    /// mean nothing.
    pub(crate) fn rename_contents(&mut self) {
        let mut names: Vec<Content> = vec![0];
        let mut rename = |content: &mut Content| {
            let known = names.iter().position(|name| name == content);
            *content = known.unwrap_or_else(|| {
                names.push(*content);
                names.len() - 1
            }) as Content;
        };
        for process in &mut self.processes {
            process.expected.iter_mut().flatten().for_each(&mut rename);
        }
        for frame in &mut self.frames {
            rename(&mut frame.content);
        }
        for slot in &mut self.slots {
            slot.content.iter_mut().for_each(&mut rename);
        }
    }
}
