//! Faults on pages that are in swap, or on their way back.
//!
//! A program that walks through memory in swap would fault on every page. So a fault also maps the
//! pages behind its own whose slots have been read already; and the longer a program keeps to the
//! order of the pages, the more slots are read ahead. A page that is mapped ahead is read-only,
//! like any page that comes back, and its accessed bit is clear: if nobody uses it, it goes first.
//! It needs no fence (R4).

use abi::ProcCounter;

use super::fault::{Attempt, Leaf};
use super::{Access, AddressSpace, Wait};
use crate::addr::{PageNo, SlotNo};
use crate::commit::NoMemory;
use crate::machine::Machine;
use crate::pt::{ENTRIES, Entry, Format};
use crate::swap::{Lookup, PageWait, READ_AHEAD, READ_AHEAD_MOST, SwapIn};

/// How far the pages that come in are ahead of those that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadAhead {
    /// The page that was wanted last.
    page: PageNo,
    /// The page that a program will want next if it keeps to their order.
    next: PageNo,
    /// How many pages are brought in at once.
    window: usize,
}

impl ReadAhead {
    /// Nothing was wanted yet.
    pub(super) const fn new() -> Self {
        Self {
            page: PageNo(0),
            next: PageNo(0),
            window: READ_AHEAD,
        }
    }

    /// Notes that a page is wanted, perhaps for a second time. Returns how many to bring in with
    /// it, itself included.
    fn want(&mut self, page: PageNo) -> usize {
        if page != self.page {
            self.window = if page == self.next {
                (2 * self.window).min(READ_AHEAD_MOST)
            } else {
                READ_AHEAD
            };
            self.page = page;
        }
        self.window
    }
}

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Maps a page whose entry says that it is in swap, and those behind it.
    pub(super) fn swap_in(
        &mut self,
        leaf: Leaf<'m>,
        slot: SlotNo,
        access: Access,
    ) -> Result<Attempt<'m, M>, NoMemory> {
        let memory = self.memory;
        let window = self.ahead.want(*leaf.page);
        let frame = match memory.look_up(slot) {
            Lookup::Here(frame) => frame,
            Lookup::Coming(frame) => {
                return Ok(Attempt::Wait(Wait::Page(PageWait::new(memory, frame))));
            }
            Lookup::Failed => return Ok(Attempt::Lost),
            Lookup::Missing => {
                let read = SwapIn::begin(memory, slot, window, self.patience)?;
                return Ok(read.map_or(Attempt::Again, |read| Attempt::Wait(Wait::Read(read))));
            }
        };
        // Shared with whoever else has the slot, so not writable: a write goes on from there.
        let word = M::Format::swapped_in(leaf.word, self.own(*leaf.page, frame));
        if M::Format::executable(word) {
            self.context.code_changed();
        }
        let replaced = leaf.table.replace(leaf.index, leaf.word, word);
        debug_assert!(replaced, "only its owner takes a page out of swap");
        memory.drop_slot(slot);
        memory.give_up_slot_if_short(frame);
        self.map_ahead(leaf, window);
        self.faults[ProcCounter::SwapIns as usize] += 1;
        Ok(match access {
            Access::Write => Attempt::Again,
            Access::Read | Access::Execute => Attempt::Resolved,
        })
    }

    /// Maps those of the pages behind one that have come in with it, or before, and have the
    /// entries behind its own.
    fn map_ahead(&mut self, leaf: Leaf<'m>, window: usize) {
        let end = (leaf.index + window).min(ENTRIES);
        let mut executable = false;
        self.ahead.next = leaf.page.plus(1);
        for index in leaf.index + 1..end {
            let word = leaf.table.get(index);
            let page = leaf.page.plus((index - leaf.index) as u64);
            let Entry::Swapped(slot) = M::Format::decode(word, 0) else {
                continue;
            };
            let code = M::Format::executable(word);
            if code && !executable {
                // Before a hart can fetch from it.
                executable = true;
                self.context.code_changed();
            }
            let mapped = self.memory.use_cached(slot, |frame| {
                let new = M::Format::swapped_in(word, self.own(page, frame));
                let replaced = leaf.table.replace(index, word, new & !M::Format::ACCESSED);
                debug_assert!(replaced, "only its owner takes a page out of swap");
            });
            if mapped {
                self.ahead.next = page.plus(1);
            }
        }
    }
}
