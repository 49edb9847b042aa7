//! Faults on pages that are in swap or being read from it.
//!
//! A program that walks through swapped-out memory would fault on every page. A fault therefore
//! also maps the pages that follow its own and whose slots have been read already. The longer a
//! program touches pages in order, the more slots are read ahead. A page that is mapped ahead is
//! read-only, like every page that is swapped in, and its accessed bit is clear, so it is evicted
//! first if it is not used. It needs no fence (R4).

use abi::ProcCounter;

use super::fault::{Attempt, Leaf};
use super::{Access, AddressSpace, Wait};
use crate::addr::{PageNo, SlotNo};
use crate::commit::NoMemory;
use crate::machine::Machine;
use crate::pt::{ENTRIES, Entry};
use crate::swap::{Lookup, PageWait, READ_AHEAD, READ_AHEAD_MOST, SwapIn};

/// The state of reading ahead for one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadAhead {
    /// The page that faulted last.
    page: PageNo,
    /// The page that will fault next if the process goes on in order.
    next: PageNo,
    /// How many pages are brought in together.
    window: usize,
}

impl ReadAhead {
    /// Returns the state before the first fault.
    pub(super) const fn new() -> Self {
        Self {
            page: PageNo(0),
            next: PageNo(0),
            window: READ_AHEAD,
        }
    }

    /// Notes a fault on `page`, perhaps a repeated one. Returns how many pages to bring in, `page`
    /// included.
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
    /// Maps a page whose entry holds a slot, and the pages that follow it as far as they are
    /// cached.
    pub(super) fn swap_in(
        &mut self,
        leaf: Leaf<'m, M::Format>,
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
        // Other entries may hold the slot too, so the new entry is not writable. A write is
        // resolved next.
        let pte = leaf.pte.swapped_in(self.own(*leaf.page, frame));
        if pte.is_executable() {
            self.context.code_changed();
        }
        let replaced = leaf.table.replace(leaf.index, leaf.pte, pte);
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

    /// Maps those of the `window` pages that follow this one whose slots are in the swap cache.
    /// They must be in this leaf table.
    fn map_ahead(&mut self, leaf: Leaf<'m, M::Format>, window: usize) {
        let end = (leaf.index + window).min(ENTRIES);
        let mut executable = false;
        self.ahead.next = leaf.page.plus(1);
        for index in leaf.index + 1..end {
            let pte = leaf.table.get(index);
            let page = leaf.page.plus((index - leaf.index) as u64);
            let Entry::Swapped(slot) = pte.decode(0) else {
                continue;
            };
            let code = pte.is_executable();
            if code && !executable {
                // Before a hart can fetch instructions from it.
                executable = true;
                self.context.code_changed();
            }
            let mapped = self.memory.use_cached(slot, |frame| {
                let new = pte.swapped_in(self.own(page, frame));
                let replaced = leaf.table.replace(index, pte, new.not_accessed());
                debug_assert!(replaced, "only its owner takes a page out of swap");
            });
            if mapped {
                self.ahead.next = page.plus(1);
            }
        }
    }
}
