//! Adding to an address space: new areas, and growth of the heap.

use super::area::Area;
use super::stretch::{leaf_tables, most_tables};
use super::{AddressSpace, Ending, Promise};
use crate::addr::{PageRange, VirtAddr};
use crate::commit::{Claim, NoMemory, Reservation, Shortage};
use crate::file::SharedPages;
use crate::machine::Machine;
use crate::phys;
use crate::pt::{Format, Permissions, UserPage, UserRange, Walk};

/// Why an area could not be added. The space is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// The promise could not be made, or there is no frame for a table.
    NoMemory(NoMemory),
    /// The pages lie outside the user half, or something is mapped there already.
    BadRange,
    /// These pages must first be written back if they are dirty, because their mappings are about
    /// to end. The caller repeats the call with the same [`Ending`] afterwards, even if the
    /// write-back failed.
    Unwritten(SharedPages),
}

impl From<NoMemory> for MapError {
    fn from(error: NoMemory) -> Self {
        Self::NoMemory(error)
    }
}

impl Shortage for MapError {
    fn is_of_frames(&self) -> bool {
        *self == Self::NoMemory(NoMemory::Frames)
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
        let pages = self.free_pages(pages)?;
        if pages.is_empty() {
            return Ok(());
        }
        self.areas.reserve(self.memory)?;
        let tables = match promise {
            Promise::Charged => {
                Some(self.take_promise(pages, |space| space.missing_tables(pages))?)
            }
            Promise::Lazy => None,
        };
        self.add_area(Area::private(pages, permissions, promise), tables);
        Ok(())
    }

    /// Maps pages and ends the mappings that were there. If the call fails, those stay.
    pub fn map_over(
        &mut self,
        pages: PageRange,
        permissions: Permissions,
        promise: Promise,
        ending: &mut Ending,
    ) -> Result<(), MapError> {
        let pages = user_pages::<M>(pages)?;
        if pages.is_empty() {
            return Ok(());
        }
        self.part(pages, ending)?;
        self.areas.reserve(self.memory)?;
        self.own_tables_at_ends(pages)?;
        let tables = match promise {
            Promise::Charged => Some(self.take_promise(pages, |_| most_tables::<M>(pages))?),
            Promise::Lazy => None,
        };
        self.unmap_with_room(pages);
        self.add_area(Area::private(pages, permissions, promise), tables);
        Ok(())
    }

    /// Returns the highest range of `count` free pages above the heap.
    pub fn gap(&self, count: u64) -> Option<PageRange> {
        let gap = self.areas.highest_gap(count, M::Format::USER_TOP.page())?;
        (gap.start >= self.heap_break.page_up()).then_some(gap)
    }

    /// Returns whether nothing is mapped in the range and something could be.
    pub fn is_free(&self, pages: PageRange) -> bool {
        self.free_pages(pages).is_ok()
    }

    /// Returns the pages if something can be mapped there and nothing is.
    fn free_pages(&self, pages: PageRange) -> Result<UserRange, MapError> {
        if self.areas.overlaps(pages) {
            return Err(MapError::BadRange);
        }
        user_pages::<M>(pages)
    }

    /// Returns the pages if something can be mapped there: with `over`, even over other mappings.
    pub(super) fn mappable(
        &self,
        pages: PageRange,
        over: &Option<&mut Ending>,
    ) -> Result<UserRange, MapError> {
        match over {
            Some(_) => user_pages::<M>(pages),
            None => self.free_pages(pages),
        }
    }

    /// Moves the end of the heap up by `bytes`. Returns the old end.
    pub fn grow(&mut self, bytes: u64, promise: Promise) -> Result<VirtAddr, MapError> {
        let old = self.heap_break;
        let new = old
            .0
            .checked_add(bytes)
            .map(VirtAddr)
            .filter(|&end| end <= M::Format::USER_TOP)
            .ok_or(MapError::BadRange)?;
        let start = old.page_up();
        self.map(
            PageRange::new(start, new.page_up().max(start)),
            Permissions::READ | Permissions::WRITE,
            promise,
        )?;
        self.heap_break = new;
        Ok(old)
    }

    /// Takes a place for each page, and reserves frames for the missing tables. The tables are
    /// counted after the places are taken, because the places bound the number of tables.
    pub(super) fn take_promise(
        &self,
        pages: UserRange,
        tables: impl FnOnce(&Self) -> u64,
    ) -> Result<Reservation<'m>, NoMemory> {
        let memory = self.memory;
        memory.budget.take_places(pages.len(), Claim::Promise)?;
        let reservation = memory.reserve_frames(tables(self), Claim::Program);
        reservation.inspect_err(|_| memory.budget.add_places(pages.len()))
    }

    /// Adds an area whose place in the tree is reserved, and whose pages are not mapped. If it
    /// needs its tables at once ([`Area::needs_tables`]), `tables` are the frames for them; those
    /// that are left over are given back. Counts the area's promise in `memstat`.
    pub(super) fn add_area(&mut self, area: Area, tables: Option<Reservation<'m>>) {
        debug_assert_eq!(area.needs_tables(), tables.is_some());
        if let Some(reservation) = tables {
            self.make_tables(area.pages, reservation);
            self.recount_lent();
        }
        if area.promise == Promise::Charged {
            let memory = self.memory;
            let pages = area.pages.len() as i64;
            memory.stats.promise(memory.machine.hart(), pages);
        }
        self.areas.add(area);
    }

    /// Makes the missing tables.
    fn make_tables(&mut self, pages: UserRange, mut reservation: Reservation<'m>) {
        for page in leaf_tables(pages) {
            if let Walk::Missing { table, level } = self.walk(page) {
                self.memory.extend(table, level, page, &mut reservation);
                self.tables += level as u64;
            }
        }
    }

    /// Returns the bytes from `address` to the end of its page, for laying out an image. Read-only
    /// areas can be written too.
    ///
    /// # Panics
    /// If a hart uses the space, if the page is in no area, or if it is shared.
    pub fn bytes_mut(&mut self, address: VirtAddr) -> Result<&mut [u8], NoMemory> {
        let page = UserPage::new::<M::Format>(address.page());
        let page = page.expect("an image is laid out in the user half");
        assert!(
            !self.context.is_active(),
            "an image is laid out before it runs"
        );
        let area = self
            .areas
            .find(*page)
            .expect("an image is laid out in its areas");
        assert!(!self.published, "an image is laid out before others see it");
        let frame = match self.page_frame(page) {
            Some(frame) => frame,
            None => self.fill(page, &area)?,
        };
        assert!(
            self.memory.frames.record(frame).is_sole(),
            "an image is laid out before it is shared"
        );
        let memory = self.memory;
        Ok(&mut phys::unshared_bytes_mut(&memory.machine, frame, self)[address.offset()..])
    }
}

/// Returns the pages if all of them belong to programs.
pub(super) fn user_pages<M: Machine>(pages: PageRange) -> Result<UserRange, MapError> {
    UserRange::new::<M::Format>(pages).ok_or(MapError::BadRange)
}
