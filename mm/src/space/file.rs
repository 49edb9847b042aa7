//! Mapped files: areas whose pages come from the page cache.
//!
//! In a *shared* mapping the entries lead to the cache's frames and may become writable there. In a
//! *private* one they lead there for reading, and the first write makes a copy that is an ordinary
//! private page from then on; a page that is written before it was read is copied at once. What a
//! private writable mapping may have to copy is promised, like other private memory; the copies of
//! a mapping that became writable later are not.
//!
//! Invariants: see [`crate::file`]; the space has all tables that such an area needs. An entry
//! comes to be, and becomes writable, under the lock of the entries, where it is seen whether the
//! page is still the file's: what a truncation takes out of the cache it finds in every space, or
//! the space sees that it is gone.

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
use crate::pt::{Entry, Format, Permissions, UserPage, UserRange, Walk};
use crate::swap::PageWait;
use crate::tlb::{Batch, Broken, Referent, Scope};

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Maps pages of a file; with `over` in place of whatever is there, which ends by it. If it
    /// fails, that stays. From here on, and until
    /// [`Memory::take_departed`](crate::Memory::take_departed) has named the file, the kernel keeps
    /// it.
    ///
    /// Pages behind the end of the file can be mapped, not touched.
    pub fn map_file(
        &mut self,
        pages: PageRange,
        permissions: Permissions,
        map: FileMap,
        over: Option<&mut Ending>,
    ) -> Result<(), MapError> {
        let forbidden = map.shared && !map.writable && permissions.contains(Permissions::WRITE);
        let pages = self.mappable(pages, over.is_some())?;
        let last = u64::from(map.first.index) + pages.len();
        if pages.is_empty() || last > u32::MAX.into() || forbidden {
            return Err(MapError::BadRange);
        }
        if let Some(ending) = over {
            self.part(pages, ending)?;
        }
        self.areas.reserve(self.memory)?;
        let memory = self.memory;
        let promised = !map.shared && permissions.contains(Permissions::WRITE);
        let tables = most_tables::<M>(pages);
        let reservation = if promised {
            self.take_promise(pages, |_| tables)?
        } else {
            memory.reserve_frames(tables, Claim::Program)?
        };
        let mapped = memory.note_mapping(self.context.member().family, pages, map);
        if mapped.is_err() && promised {
            memory.budget.add_places(pages.len());
        }
        let mapped = mapped?;
        self.unmap_with_room(pages);
        let promise = if promised {
            self.keep_promise(pages, reservation);
            Promise::Charged
        } else {
            self.make_tables(pages, reservation);
            Promise::Lazy
        };
        self.areas.add(Area {
            backing: Backing::File(mapped),
            ..Area::private(pages, permissions, promise)
        });
        Ok(())
    }

    /// Returns whether every page of the range is mapped.
    pub fn is_mapped(&self, pages: PageRange) -> bool {
        self.areas.cover(pages)
    }

    /// Resolves a touch of a page of a file for which this space has no frame.
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
        if access == Access::Write && !mapped.map().shared {
            let copied = self.fill_with_copy(page, area, frame);
            memory.drop_reference(frame);
            return copied.map(|()| Attempt::Resolved);
        }
        let word = M::Format::page(frame, area.permissions) | M::Format::SHARED;
        if !self.fill_entry(page, frame, word) {
            memory.drop_reference(frame);
            return Ok(Attempt::Again);
        }
        self.note_fault(ProcCounter::FileFaults, MemCounter::FileFaults);
        Ok(match access {
            Access::Write => Attempt::Again,
            Access::Read | Access::Execute => Attempt::Resolved,
        })
    }

    /// Puts the word of a page of a file where nothing is, or where one was evicted, if the page is
    /// still the file's. Returns whether it did.
    fn fill_entry(&mut self, page: UserPage, frame: FrameNo, word: u64) -> bool {
        let context = self.context.clone();
        if M::Format::executable(word) {
            context.code_changed();
        }
        context.member().entries.with(|()| {
            let cached = self.memory.frames.record(frame).cached();
            let there = !matches!(cached, Cached::Gone | Cached::Leaving);
            if there {
                self.put_shared_entry(page, word);
            }
            there
        })
    }

    /// Gives the process a copy of a page of a file that it has no entry for. The caller has a
    /// reference to the file's frame.
    fn fill_with_copy(
        &mut self,
        page: UserPage,
        area: &Area,
        frame: FrameNo,
    ) -> Result<(), NoMemory> {
        let memory = self.memory;
        let mut reservation = self.reservation_for_copy(area)?;
        if let Walk::Leaf(table, index) = self.walk(page)
            && table.get(index) != 0
        {
            // Whoever evicted the page may not have told the harts yet, and the copy is another
            // frame (R3).
            let here = Scope::Page(page.address());
            Broken::new((), here).flush(&self.context).into_inner();
        }
        let mut copy = memory.allocate(Kind::Anonymous, &mut reservation);
        copy.copy_from(frame);
        let copy = self.own(*page, copy.into_reference());
        let word = M::Format::with_frame(M::Format::page(copy, area.permissions), copy);
        self.fill_shared_entry(page, word);
        self.note_fault(ProcCounter::CopyFaults, MemCounter::CopyFaults);
        Ok(())
    }

    /// Resolves a write to a page of a file that is present and not writable, in a shared mapping.
    pub(super) fn write_file(&mut self, leaf: Leaf<'m>, frame: FrameNo) -> Attempt<'m, M> {
        let memory = self.memory;
        let written = leaf.word | M::Format::WRITTEN;
        // Under the lock, a write-back that has begun before is seen here, and one that begins
        // later sees the entry.
        let (dirtied, replaced) = self.context.member().entries.with(|()| {
            let dirtied = memory.dirty_file_page(frame);
            let replaced = matches!(dirtied, Dirtied::Now)
                && leaf.table.replace(leaf.index, leaf.word, written);
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

    /// Removes the entries of pages that have been cut off their files.
    pub(super) fn forget_gone(&mut self, pages: UserRange) {
        let context = self.context.clone();
        let mut batch = Batch::new(&context);
        self.for_each_leaf(pages, |table, index, page| {
            let word = table.get(index);
            let Entry::Page(frame) = M::Format::decode(word, 0) else {
                return;
            };
            let record = self.memory.frames.record(frame);
            let gone = record.kind() == Kind::File && record.cached() == Cached::Gone;
            // If the entry has changed, the truncation was faster.
            if gone && table.replace(index, word, M::Format::EVICTED) {
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
