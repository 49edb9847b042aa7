//! Adding to an address space: new areas, and the heap that grows.

use abi::USER_TOP;

use super::area::Area;
use super::{AddressSpace, Promise};
use crate::addr::{PageNo, PageRange, VirtAddr};
use crate::commit::{Claim, NoMemory};
use crate::machine::Machine;
use crate::mistake::{self, Mistake};
use crate::phys;
use crate::pt::{ENTRIES, Permissions, Walk};

/// Why an area could not be added; nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// The promise could not be kept.
    NoMemory,
    /// The pages lie outside the user's addresses, or something is mapped there already.
    BadRange,
}

impl From<NoMemory> for MapError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Adds an area of private memory that reads as zeros.
    pub fn map(
        &mut self,
        pages: PageRange,
        permissions: Permissions,
        promise: Promise,
    ) -> Result<(), MapError> {
        if pages.end > VirtAddr(USER_TOP).page() || self.areas.overlaps(pages) {
            return Err(MapError::BadRange);
        }
        if pages.is_empty() {
            return Ok(());
        }
        self.memory.may_allocate()?;
        self.areas.reserve()?;
        if promise == Promise::Charged {
            self.promise(pages)?;
        }
        self.areas.add(Area {
            pages,
            permissions,
            promise,
        });
        Ok(())
    }

    /// Moves the break up by `bytes`; the old break.
    pub fn grow(&mut self, bytes: u64, promise: Promise) -> Result<VirtAddr, MapError> {
        let old = self.heap_break;
        let new = old
            .0
            .checked_add(bytes)
            .filter(|&end| end <= USER_TOP)
            .map(VirtAddr)
            .ok_or(MapError::BadRange)?;
        let mut start = old.page_up();
        if mistake::makes(Mistake::RegrownHeapKeepsData) {
            while let Some(kept) = self.areas.find(start) {
                start = kept.pages.end;
            }
        }
        self.map(
            PageRange::new(start, new.page_up().max(start)),
            Permissions::READ | Permissions::WRITE,
            promise,
        )?;
        self.heap_break = new;
        Ok(old)
    }

    /// Takes a place for each page and makes the tables, all or nothing.
    fn promise(&mut self, pages: PageRange) -> Result<(), NoMemory> {
        let memory = self.memory;
        let missing: u64 = leaf_tables(pages)
            .map(|page| self.walk(page).missing())
            .sum();
        memory.budget.take_places(pages.len(), Claim::Program)?;
        let tickets = memory.take_tickets(missing, Claim::Program);
        let mut tickets = tickets.inspect_err(|_| memory.budget.add_places(pages.len()))?;
        for page in leaf_tables(pages) {
            if let Walk::Missing { table, level } = self.walk(page) {
                memory.extend(table, level, page, &mut tickets);
                self.tables += level as u64;
            }
        }
        // Tables that two leaf tables both counted go back when `tickets` drops.
        memory
            .stats
            .promise(memory.machine.hart(), pages.len() as i64);
        Ok(())
    }

    /// The bytes from `address` to the end of its page, to be filled by whoever lays out the image.
    /// Works in read-only areas too.
    ///
    /// # Panics
    /// If a hart uses the space, if the page is in no area, or if it is shared.
    pub fn bytes_mut(&mut self, address: VirtAddr) -> Result<&mut [u8], NoMemory> {
        let page = address.page();
        assert!(
            !self.context.is_active(),
            "an image is laid out before it runs"
        );
        let area = self
            .areas
            .find(page)
            .expect("an image is laid out in its areas");
        assert!(!self.published, "an image is laid out before others see it");
        let frame = match self.page_frame(page) {
            Some(frame) => frame,
            None => self.fill(page, area)?,
        };
        assert!(
            self.memory.frames.record(frame).is_sole(),
            "an image is laid out before it is shared"
        );
        let memory = self.memory;
        Ok(&mut phys::unshared_bytes_mut(&memory.machine, frame, self)[address.offset()..])
    }
}

/// One page of each leaf table that the pages need.
fn leaf_tables(pages: PageRange) -> impl Iterator<Item = PageNo> {
    let span = ENTRIES as u64;
    let first = pages.start.0 / span;
    let last = pages.end.0.div_ceil(span);
    (first..last).map(move |table| PageNo(table * span).max(pages.start))
}
