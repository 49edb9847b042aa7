//! The one way in (R6): each access to a page that the hardware refuses is resolved here, including
//! the kernel's own reads and writes of user memory.
//!
//! Eviction may replace the entry of a present page at any moment (see [`crate::pt`]). Each step
//! therefore replaces an entry only if it is still the one that was decided on, and otherwise
//! starts again.
//!
//! A leaf table that other spaces share is made the space's own first, unless the page is there and
//! is only read ([`super::tables`]).
//!
//! Filling an empty entry needs no fence (R4). A hart whose TLB remembers that the entry was empty
//! faults once more; that fault is [`Spurious`] and is answered by a fence.

use abi::{MemCounter, ProcCounter};

use super::area::{Area, Backing};
use super::resolution::{Access, Resolution, Wait};
use super::spurious::Spurious;
use super::{AddressSpace, Promise, allows};
use crate::addr::{FrameNo, PageNo, VirtAddr};
use crate::commit::{NoMemory, Reservation};
use crate::frame::Kind;
use crate::machine::Machine;
use crate::pt::{Entry, Format, Pte, Table, UserPage, Walk};
use crate::rmap::FamilyPage;
use crate::tlb::{Broken, Scope};

/// The outcome of one attempt to resolve a fault.
pub(super) enum Attempt<'m, M: Machine> {
    /// The fault is resolved.
    Resolved,
    /// The entry has changed meanwhile, or the attempt did one step of several.
    Again,
    /// The entry already allowed the access.
    Spurious,
    /// The access is not permitted.
    Denied,
    /// Something else must happen first.
    Wait(Wait<'m, M>),
    /// The device failed to give back the page.
    Lost,
}

/// A leaf entry, as it was when it was read.
#[derive(Clone, Copy)]
pub(super) struct Leaf<'m, F: Format> {
    pub(super) table: Table<'m, F>,
    pub(super) index: usize,
    pub(super) page: UserPage,
    pub(super) pte: Pte<F>,
}

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Resolves a fault: makes `access` to `address` possible, or returns why it is not.
    pub fn resolve(&mut self, address: VirtAddr, access: Access) -> Resolution<'m, M> {
        let page = UserPage::new::<M::Format>(address.page());
        let Some((page, area)) = page.and_then(|page| Some((page, self.areas.find(*page)?))) else {
            return Resolution::Denied;
        };
        if !allows::<M::Format>(area.permissions, access) {
            return Resolution::Denied;
        }
        let resolution = loop {
            match self.attempt(page, &area, access) {
                Ok(Attempt::Again) => {}
                // The count of spurious faults must not be reset.
                Ok(Attempt::Spurious) => return Resolution::Done,
                Ok(Attempt::Denied) => return Resolution::Denied,
                Ok(Attempt::Resolved) => {
                    self.patience.satisfy();
                    break Resolution::Done;
                }
                Ok(Attempt::Wait(wait)) => break Resolution::Wait(wait),
                Ok(Attempt::Lost) => break Resolution::Lost,
                Err(NoMemory::Frames) => {
                    self.patience.wait();
                    break Resolution::Wait(Wait::Frames);
                }
                Err(NoMemory::Places) => break Resolution::NoMemory,
            }
        };
        self.spurious = Spurious::default();
        resolution
    }

    /// Makes one attempt, as the entry of the page demands.
    fn attempt(
        &mut self,
        page: UserPage,
        area: &Area,
        access: Access,
    ) -> Result<Attempt<'m, M>, NoMemory> {
        let Walk::Leaf(table, index) = self.walk(page) else {
            if self.take_lent_table(page)? {
                return Ok(Attempt::Again);
            }
            return self.fill_on_fault(page, area, access);
        };
        let pte = table.get(index);
        if table.is_shared()
            && let Some(attempt) = self.resolve_table(page, pte, access)?
        {
            return Ok(attempt);
        }
        let leaf = Leaf {
            table,
            index,
            page,
            pte,
        };
        match pte.decode(0) {
            Entry::Page(frame) => {
                if let Some(used) = used_for(pte, access) {
                    return Ok(self.note_use(leaf, used));
                }
                match &area.backing {
                    Backing::Object(_) => Ok(self.write_shared(leaf, frame)),
                    Backing::File(mapped) if mapped.map().sharing.is_shared() => {
                        Ok(self.write_file(leaf, frame))
                    }
                    _ => self.resolve_write(leaf, frame, area),
                }
            }
            Entry::Swapped(slot) => self.swap_in(leaf, slot, access),
            Entry::Empty | Entry::Evicted | Entry::Table(_) => {
                self.fill_on_fault(page, area, access)
            }
        }
    }

    /// Answers a fault on an entry that allows the access. Either the hardware traps to have the
    /// accessed or dirty bit set, or a TLB was stale.
    /// `used` is the entry with the bits of the access set.
    fn note_use(&mut self, leaf: Leaf<'m, M::Format>, used: Pte<M::Format>) -> Attempt<'m, M> {
        if used != leaf.pte {
            if !leaf.table.replace(leaf.index, leaf.pte, used) {
                return Attempt::Again;
            }
            self.context.loosen(Scope::Page(leaf.page.address()));
            return Attempt::Resolved;
        }
        self.context.loosen(self.spurious.scope(*leaf.page));
        if self.spurious.note(*leaf.page) {
            Attempt::Spurious
        } else {
            Attempt::Denied
        }
    }

    /// Resolves a write to a private page that is present and not writable.
    fn resolve_write(
        &mut self,
        leaf: Leaf<'m, M::Format>,
        frame: FrameNo,
        area: &Area,
    ) -> Result<Attempt<'m, M>, NoMemory> {
        debug_assert!(
            leaf.pte.may_become_writable(),
            "a page of a writable area carries the mark"
        );
        if leaf.pte.is_shared() || !self.is_last_owner(frame) {
            return self.copy_page(leaf, frame, area);
        }
        // Reuse: no other thread can take a reference meanwhile. To take one it would need one, and
        // the only reference is this entry, which `&mut self` keeps from others. Eviction, which
        // needs none, would change the entry.
        let written = leaf.pte.written();
        if !leaf.table.replace(leaf.index, leaf.pte, written) {
            return Ok(Attempt::Again);
        }
        self.context.loosen(Scope::Page(leaf.page.address()));
        self.note_fault(ProcCounter::ReuseFaults, MemCounter::ReuseFaults);
        Ok(Attempt::Resolved)
    }

    /// Returns whether the entry is the only reference to the frame. The swap cache's reference
    /// does not count; it is given up then.
    fn is_last_owner(&self, frame: FrameNo) -> bool {
        let record = self.memory.frames.record(frame);
        record.is_sole() || record.slot().is_some() && self.memory.take_out_of_cache(frame)
    }

    /// Copies a page for a write. The frame is reserved before anything is broken, so the copy
    /// either fails before it changes anything or completes.
    fn copy_page(
        &mut self,
        leaf: Leaf<'m, M::Format>,
        shared: FrameNo,
        area: &Area,
    ) -> Result<Attempt<'m, M>, NoMemory> {
        let memory = self.memory;
        let reservation = if leaf.pte.is_shared() {
            self.reservation_for_copy(area)
        } else {
            memory.reserve_for_page(1)
        };
        let mut reservation = match reservation {
            Ok(reservation) => reservation,
            Err(NoMemory::Places) => {
                // The page may be this process's alone, with the evictor's references on top.
                let wait = memory.wait_for_eviction(shared).ok_or(NoMemory::Places)?;
                return Ok(Attempt::Wait(wait));
            }
            Err(NoMemory::Frames) => return Err(NoMemory::Frames),
        };
        let here = Scope::Page(leaf.page.address());
        // Break and flush before the copy: another thread must not read the old frame once the new
        // one is written (R3).
        if !leaf.table.take_if(leaf.index, leaf.pte) {
            return Ok(Attempt::Again);
        }
        let old = Broken::new(leaf.pte, here)
            .flush(&self.context)
            .into_inner();
        let mut copy = memory.allocate(Kind::Anonymous, &mut reservation);
        copy.copy_from(shared);
        let copy = self.own(*leaf.page, copy.into_reference());
        let new = old.owning(copy);
        if new.is_executable() {
            self.context.code_changed();
        }
        leaf.table.fill(leaf.index, new);
        memory.drop_reference(shared);
        self.note_fault(ProcCounter::CopyFaults, MemCounter::CopyFaults);
        Ok(Attempt::Resolved)
    }

    fn fill_on_fault(
        &mut self,
        page: UserPage,
        area: &Area,
        access: Access,
    ) -> Result<Attempt<'m, M>, NoMemory> {
        match &area.backing {
            Backing::Object(object) => {
                return self.fill_shared(page, area.permissions, object, access);
            }
            Backing::File(mapped) => return self.fill_from_file(page, area, mapped, access),
            Backing::Own => {}
        }
        self.fill(page, area)?;
        self.note_fault(ProcCounter::ZeroFaults, MemCounter::ZeroFaults);
        Ok(Attempt::Resolved)
    }

    /// Fills a page that has no frame with zeros, and makes the tables that it lacks.
    pub(super) fn fill(&mut self, page: UserPage, area: &Area) -> Result<FrameNo, NoMemory> {
        let memory = self.memory;
        let walk = self.walk(page);
        let mut reservation = match area.promise {
            Promise::Charged => memory.budget.take_for_placed_page(self.patience)?,
            Promise::Lazy => memory.reserve_for_page(1 + walk.missing())?,
        };
        let table = match walk {
            Walk::Leaf(table, _) => table,
            Walk::Missing { table, level } => {
                self.tables += level as u64;
                memory.extend(table, level, page, &mut reservation)
            }
        };
        let mut frame = memory.allocate(Kind::Anonymous, &mut reservation);
        frame.zero();
        let number = self.own(*page, frame.into_reference());
        let pte = Pte::own_page(number, area.permissions);
        if pte.is_executable() {
            self.context.code_changed();
        }
        table.fill(M::Format::index(page, 0), pte);
        self.pages += 1;
        Ok(number)
    }

    /// Returns a reservation for the process's own copy of a page of a file.
    pub(super) fn reservation_for_copy(&self, area: &Area) -> Result<Reservation<'m>, NoMemory> {
        match area.promise {
            Promise::Charged => self.memory.budget.take_for_placed_page(self.patience),
            Promise::Lazy => self.memory.reserve_for_page(1),
        }
    }

    /// Records that `frame` is a page of this family. Returns the frame.
    pub(super) fn own(&self, page: PageNo, frame: FrameNo) -> FrameNo {
        let family = self.context.member().family;
        let record = self.memory.frames.record(frame);
        record.private().set_page(FamilyPage { family, page });
        frame
    }
}

/// Returns the entry with the accessed and dirty bits that the access sets, or `None` if the entry
/// forbids the access.
fn used_for<F: Format>(pte: Pte<F>, access: Access) -> Option<Pte<F>> {
    match access {
        Access::Write => pte.is_writable().then(|| pte.dirty()),
        Access::Read | Access::Execute => Some(pte.accessed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pt::{Permissions, Sv39};

    #[test]
    fn a_permitted_access_sets_the_bits_that_hardware_may_trap_for() {
        let data = Pte::<Sv39>::own_page(FrameNo(5), Permissions::WRITE).not_accessed();
        assert_eq!(used_for(data, Access::Read), Some(data.accessed()));
        assert_eq!(used_for(data, Access::Write), Some(data.dirty()));
        assert_eq!(used_for(data.read_only(), Access::Write), None);
    }
}
