//! Mapped files: areas whose pages come from the page cache.
//!
//! The entries of a *shared* mapping point to the cache's frames and may become writable. The
//! entries of a *private* mapping point to those frames for reading only. The first write to a page
//! makes a copy, which is an ordinary private page from then on; if the page was not present, it is
//! copied at once. The copies of a private writable mapping are promised, like other private
//! memory. Those of a mapping that becomes writable later are not.
//!
//! Invariants: see [`crate::file`]; the space has all tables that the area needs. An entry is
//! filled, and made writable, under the lock of the entries and only if the page is still in the
//! file. So a truncation either finds the entry, or the space sees that the page is gone.

use abi::{MemCounter, ProcCounter};
use sync::Counted;

use super::area::{Area, Backing};
use super::fault::{Attempt, Leaf};
use super::stretch::most_tables;
use super::{Access, AddressSpace, Ending, MapError, Promise, Wait};
use crate::addr::{FrameNo, PageRange};
use crate::commit::{Claim, NoMemory};
use crate::file::{Dirtied, FileMap, FileRead, Lookup, Mapped};
use crate::frame::{Cached, Kind};
use crate::machine::Machine;
use crate::pt::{Entry, Permissions, Pte, UserPage, UserRange, Walk};
use crate::swap::PageWait;
use crate::tlb::{Batch, Broken, Referent, Scope};

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Maps pages of a file. With `over`, the mappings that were there end; if the call fails, they
    /// stay. The kernel must keep the file from now on, until
    /// [`Memory::take_departed`](crate::Memory::take_departed) returns it.
    ///
    /// Pages behind the end of the file can be mapped but not touched.
    pub fn map_file(
        &mut self,
        pages: PageRange,
        permissions: Permissions,
        map: FileMap,
        over: Option<&mut Ending>,
    ) -> Result<(), MapError> {
        let pages = self.mappable(pages, &over)?;
        let last = u64::from(map.first.index) + pages.len();
        if pages.is_empty() || last > u32::MAX.into() || !map.sharing.permits(permissions) {
            return Err(MapError::BadRange);
        }
        if let Some(ending) = over {
            self.part(pages, ending)?;
        }
        self.areas.reserve(self.memory)?;
        if map.sharing.is_shared() {
            self.own_tables(pages)?;
        }
        self.own_tables_at_ends(pages)?;
        let memory = self.memory;
        let promised = !map.sharing.is_shared() && permissions.contains(Permissions::WRITE);
        let most = most_tables::<M>(pages);
        let (promise, tables) = if promised {
            (Promise::Charged, self.take_promise(pages, |_| most)?)
        } else {
            (Promise::Lazy, memory.reserve_frames(most, Claim::Program)?)
        };
        let mapped = memory.note_mapping(self.context.member().family, pages, map);
        if mapped.is_err() && promised {
            memory.budget.add_places(pages.len());
        }
        let mapped = mapped?;
        self.unmap_with_room(pages);
        let area = Area {
            backing: Backing::File(mapped),
            ..Area::private(pages, permissions, promise)
        };
        self.add_area(area, Some(tables));
        Ok(())
    }

    /// Returns whether every page of the range is mapped.
    pub fn is_mapped(&self, pages: PageRange) -> bool {
        self.areas.cover(pages)
    }

    /// Resolves a fault on a page of a file for which this space has no frame.
    pub(super) fn fill_from_file(
        &mut self,
        page: UserPage,
        area: &Area,
        mapped: &Mapped,
        access: Access,
    ) -> Result<Attempt<'m, M>, NoMemory> {
        let memory = self.memory;
        let file_page = mapped.file_page(*page);
        let frame = match memory.look_up_file(file_page) {
            Lookup::Here(frame) => frame,
            Lookup::Coming(frame) => {
                return Ok(Attempt::Wait(Wait::Page(PageWait::new(memory, frame))));
            }
            Lookup::Missing => {
                let floor = self.patience.floor_for_file(memory.budget.kept());
                let read = FileRead::begin(memory, file_page, floor)?;
                return Ok(read.map_or(Attempt::Again, |read| Attempt::Wait(Wait::File(read))));
            }
        };
        if access == Access::Write && !mapped.map().sharing.is_shared() {
            let copied = self.fill_with_copy(page, area, frame);
            memory.drop_reference(frame);
            return copied.map(|()| Attempt::Resolved);
        }
        let pte = Pte::shared_page(frame, area.permissions);
        if !self.fill_entry(page, frame, pte) {
            memory.drop_reference(frame);
            return Ok(Attempt::Again);
        }
        self.note_fault(ProcCounter::FileFaults, MemCounter::FileFaults);
        Ok(match access {
            Access::Write => Attempt::Again,
            Access::Read | Access::Execute => Attempt::Resolved,
        })
    }

    /// Fills an entry that is empty or evicted with `pte`, if the page is still in the file.
    /// Returns whether it did.
    fn fill_entry(&mut self, page: UserPage, frame: FrameNo, pte: Pte<M::Format>) -> bool {
        let context = self.context.clone();
        if pte.is_executable() {
            context.code_changed();
        }
        context.member().entries.with(|()| {
            let cached = self.memory.frames.record(frame).cached();
            let there = !matches!(cached, Cached::Gone | Cached::Leaving);
            if there {
                self.put_shared_entry(page, pte);
            }
            there
        })
    }

    /// Gives the process its own copy of a page of a file for which it has no entry. The caller
    /// holds a reference to the file's frame.
    fn fill_with_copy(
        &mut self,
        page: UserPage,
        area: &Area,
        frame: FrameNo,
    ) -> Result<(), NoMemory> {
        let memory = self.memory;
        let mut reservation = self.reservation_for_copy(area)?;
        if let Walk::Leaf(table, index) = self.walk(page)
            && !table.get(index).is_empty()
        {
            // The page may have been evicted a moment ago and not be flushed yet. The copy is in
            // another frame, so it must be flushed first (R3).
            let here = Scope::Page(page.address());
            Broken::new((), here).flush(&self.context).into_inner();
        }
        let mut copy = memory.allocate(Kind::Anonymous, &mut reservation);
        copy.copy_from(frame);
        let copy = self.own(*page, copy.into_reference());
        let pte = Pte::own_page(copy, area.permissions);
        self.fill_shared_entry(page, pte);
        self.note_fault(ProcCounter::CopyFaults, MemCounter::CopyFaults);
        Ok(())
    }

    /// Resolves a write to a page in a shared mapping of a file that is present and not writable.
    pub(super) fn write_file(
        &mut self,
        leaf: Leaf<'m, M::Format>,
        frame: FrameNo,
    ) -> Attempt<'m, M> {
        let memory = self.memory;
        let written = leaf.pte.written();
        // Under the lock, an earlier write-back is noticed here, and a later one finds the entry.
        let (dirtied, replaced) = self.context.member().entries.with(|()| {
            let dirtied = memory.dirty_file_page(frame);
            let replaced = matches!(dirtied, Dirtied::Now)
                && leaf.table.replace(leaf.index, leaf.pte, written);
            (dirtied, replaced)
        });
        match dirtied {
            Dirtied::Now if replaced => {
                self.context.loosen(Scope::Page(leaf.page.address()));
                Attempt::Resolved
            }
            Dirtied::Now => Attempt::Again,
            Dirtied::Later => Attempt::Wait(Wait::Page(PageWait::new(memory, frame))),
            Dirtied::Never => {
                self.forget_gone(UserRange::one(leaf.page));
                Attempt::Again
            }
        }
    }

    /// Removes the entries of pages that were cut off their files.
    pub(super) fn forget_gone(&mut self, pages: UserRange) {
        let context = self.context.clone();
        let mut batch = Batch::new(&context);
        self.for_each_leaf(pages, |table, index, page| {
            if table.is_shared() {
                // The truncation has found the table through another sharer: this space shares it
                // with its parent, which is published.
                return;
            }
            let pte = table.get(index);
            let Entry::Page(frame) = pte.decode(0) else {
                return;
            };
            let record = self.memory.frames.record(frame);
            let gone = record.kind() == Kind::File && record.cached() == Cached::Gone;
            // If the entry has changed, the truncation has removed it already.
            if gone && table.replace(index, pte, Pte::EVICTED) {
                batch.push(Referent::Frame(frame), Scope::Page(page.address()));
            }
        });
        batch.finish();
    }
}

impl Area {
    /// Returns the file that its pages come from.
    pub(super) fn file(&self) -> Option<&Counted<Mapped>> {
        match &self.backing {
            Backing::File(mapped) => Some(mapped),
            Backing::Own | Backing::Object(_) => None,
        }
    }
}
