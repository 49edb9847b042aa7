//! The one way in (R6): every touch of a page that the hardware refuses comes here, the kernel's own
//! reads and writes of user memory included.

use abi::{MemCounter, ProcCounter};

use super::area::Area;
use super::{AddressSpace, Promise, allows};
use crate::addr::{FrameNo, PageNo, VirtAddr};
use crate::commit::{Claim, NoMemory};
use crate::frame::Kind;
use crate::machine::Machine;
use crate::mistake::{self, Mistake};
use crate::pt::{Entry, Format, Table, Walk};
use crate::tlb::{Broken, Scope};

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// Who acts next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Resolution {
    /// The toucher: try again, it will work.
    Done,
    /// The kernel: the program may not do this.
    Denied,
    /// The kernel: there is no memory for it (R7).
    NoMemory,
}

/// Faults on translations that were good already, one after the other on one page.
///
/// A few are normal (another hart was faster, a TLB is stale). A fault that nothing here can
/// cure would come back for ever, so there is an end to it.
#[derive(Default)]
pub(super) struct Spurious {
    page: Option<PageNo>,
    count: u32,
}

impl Spurious {
    const MOST: u32 = 100;

    /// What the fault that is being noted needs fenced. A second one on the same page: what is stale may be a
    /// pointer to a table, or that there was none, which a fence of the page does not cover.
    fn scope(&self, page: PageNo) -> Scope {
        if self.page == Some(page) {
            Scope::Space
        } else {
            Scope::Page(page.address())
        }
    }

    fn note(&mut self, page: PageNo) -> Resolution {
        if self.page != Some(page) {
            *self = Self {
                page: Some(page),
                count: 0,
            };
        }
        self.count += 1;
        if self.count > Self::MOST && !mistake::makes(Mistake::RetriesForEver) {
            Resolution::Denied
        } else {
            Resolution::Done
        }
    }
}

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Makes `access` to `address` possible, or says why not.
    pub fn resolve(&mut self, address: VirtAddr, access: Access) -> Resolution {
        let page = address.page();
        let Some(area) = self.area_of(page) else {
            return Resolution::Denied;
        };
        if !allows(area.permissions, access) {
            return Resolution::Denied;
        }
        let resolved = match self.walk(page) {
            Walk::Leaf(table, index) => match M::Format::decode(table.get(index), 0) {
                Entry::Page(frame) => {
                    if let Some(bits) = permitting_bits::<M::Format>(table.get(index), access) {
                        return self.resolve_spurious(table, index, page, bits);
                    }
                    if mistake::makes(Mistake::MarkLostOnSecondFork)
                        && table.get(index) & M::Format::MAY_WRITE == 0
                    {
                        return Resolution::Denied;
                    }
                    self.resolve_write(table, index, frame, page)
                }
                _ => self.fill_on_fault(page, area),
            },
            Walk::Missing { .. } => self.fill_on_fault(page, area),
        };
        self.spurious = Spurious::default();
        match resolved {
            Ok(()) => Resolution::Done,
            Err(NoMemory) if mistake::makes(Mistake::PanicsWithoutMemory) => {
                panic!("a fault found no memory")
            }
            Err(NoMemory) => Resolution::NoMemory,
        }
    }

    /// The area that decides about a page.
    fn area_of(&self, page: PageNo) -> Option<Area> {
        let area = self.areas.find(page);
        if area.is_none() && mistake::makes(Mistake::GuardIsFilled) {
            let mut above = self.areas.find(page.plus(1))?;
            above.promise = Promise::Lazy;
            return Some(above);
        }
        area
    }

    /// The entry allows the access: either the hardware wants to be told that the page is used (it traps for
    /// the bits it does not set), or a TLB was stale.
    fn resolve_spurious(
        &mut self,
        table: Table<'m>,
        index: usize,
        page: PageNo,
        bits: u64,
    ) -> Resolution {
        table.add_bits(index, bits);
        self.context.loosen(self.spurious.scope(page));
        self.spurious.note(page)
    }

    /// A write to a page that is present and not writable yet.
    fn resolve_write(
        &mut self,
        table: Table<'m>,
        index: usize,
        frame: FrameNo,
        page: PageNo,
    ) -> Result<(), NoMemory> {
        debug_assert!(
            table.get(index) & M::Format::MAY_WRITE != 0
                || mistake::makes(Mistake::ReadOnlyGainsWrite),
            "a page of a writable area carries the mark"
        );
        if self.is_last_owner(frame) {
            // Reuse. Nobody can take a reference meanwhile: that needs one, and this entry, kept from others by
            // `&mut self`, is the only one.
            table.add_bits(
                index,
                M::Format::WRITABLE | M::Format::ACCESSED | M::Format::DIRTY,
            );
            self.context.loosen(Scope::Page(page.address()));
            self.note_fault(ProcCounter::ReuseFaults, MemCounter::ReuseFaults);
            return Ok(());
        }
        self.copy_page(table, index, frame, page)
    }

    /// Whether the entry at hand is the only reference to the frame.
    fn is_last_owner(&self, frame: FrameNo) -> bool {
        let record = self.memory.frames.record(frame);
        if mistake::makes(Mistake::StaleOwnerCount) {
            return record.count() <= 2;
        }
        record.is_sole() && !mistake::makes(Mistake::LastOwnerCopies)
    }

    /// The write needs a copy. The frame is taken before anything is broken, so this fails or completes.
    fn copy_page(
        &mut self,
        table: Table<'m>,
        index: usize,
        shared: FrameNo,
        page: PageNo,
    ) -> Result<(), NoMemory> {
        let memory = self.memory;
        let mut tickets = memory.take_tickets(1, Claim::Program)?;
        let mut copy = memory.allocate(Kind::Anonymous, &mut tickets);
        let here = Scope::Page(page.address());
        // Break and flush before the copy: another thread must not read the old frame once the new one is written (R3).
        let broken = Broken::new(table.take(index), here);
        let old = broken.flush(&self.context).into_inner();
        copy.copy_from(shared);
        let new = M::Format::with_frame(old, copy.into_reference());
        if M::Format::executable(new) {
            self.context.code_changed();
        }
        table.fill(index, new);
        self.context.loosen(here);
        memory.drop_reference(shared);
        self.resident += u64::from(mistake::makes(Mistake::ResidentGrowsOnCopy));
        self.note_fault(ProcCounter::CopyFaults, MemCounter::CopyFaults);
        Ok(())
    }

    fn fill_on_fault(&mut self, page: PageNo, area: Area) -> Result<(), NoMemory> {
        self.fill(page, area)?;
        self.note_fault(ProcCounter::ZeroFaults, MemCounter::ZeroFaults);
        Ok(())
    }

    /// Gives a page without a frame a zeroed one, and the tables it lacks.
    pub(super) fn fill(&mut self, page: PageNo, area: Area) -> Result<FrameNo, NoMemory> {
        let memory = self.memory;
        let walk = self.walk(page);
        let mut tickets = match area.promise {
            Promise::Charged => memory.budget.redeem(1),
            Promise::Lazy => memory.take_tickets(1 + walk.missing(), Claim::Program)?,
        };
        let (table, scope) = match walk {
            Walk::Leaf(table, _) => (table, Scope::Page(page.address())),
            Walk::Missing { table, level } => {
                self.tables += level as u64;
                let table = memory.extend(table, level, page, &mut tickets);
                (table, Scope::Space)
            }
        };
        let mut frame = memory.allocate(Kind::Anonymous, &mut tickets);
        frame.zero();
        let number = frame.into_reference();
        let word = M::Format::with_frame(M::Format::page(number, area.permissions), number);
        if M::Format::executable(word) {
            self.context.code_changed();
        }
        table.fill(M::Format::index(page, 0), word);
        self.context.loosen(scope);
        self.resident += 1;
        Ok(number)
    }
}

/// The bits that note the use, if the entry of a page permits the access.
fn permitting_bits<F: Format>(word: u64, access: Access) -> Option<u64> {
    match access {
        Access::Write => (word & F::WRITABLE != 0).then_some(F::ACCESSED | F::DIRTY),
        Access::Read | Access::Execute => Some(F::ACCESSED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pt::Sv39;

    #[test]
    fn a_second_fault_on_a_page_is_fenced_with_its_tables() {
        let (page, other) = (PageNo(3), PageNo(4));
        let mut spurious = Spurious::default();
        assert_eq!(spurious.scope(page), Scope::Page(page.address()));
        let _ = spurious.note(page);
        assert_eq!(spurious.scope(page), Scope::Space);
        assert_eq!(spurious.scope(other), Scope::Page(other.address()));
    }

    #[test]
    fn a_permitted_access_sets_the_bits_that_hardware_may_trap_for() {
        let (word, used) = (Sv39::READABLE | Sv39::WRITABLE, Sv39::ACCESSED);
        let bits = |word, access| permitting_bits::<Sv39>(word, access);
        assert_eq!(bits(word, Access::Read), Some(used));
        assert_eq!(bits(word, Access::Write), Some(used | Sv39::DIRTY));
        assert_eq!(bits(Sv39::READABLE, Access::Write), None);
    }
}
