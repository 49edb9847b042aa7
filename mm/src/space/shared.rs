//! Memory that a family shares: stores of one process are seen by the others, even in pages first
//! touched after the fork.
//!
//! The object behind such a mapping is a page table of its own, which no hart translates with. It
//! has the address of the mapping, so it is one more [`Member`] of the family, and the reverse map
//! finds its entries like those of any member. When a shared page is evicted, only the object's
//! entry gets the slot. The entries of the spaces become [`Entry::Evicted`], which means: look into
//! the object.
//!
//! Invariants: an object has all its tables from the start, and so has each space that maps it. The
//! object, not an area, keeps the places of all its pages. Its entries are filled, emptied and
//! brought back under [`Member::entries`]. In a space, entries of shared pages say so
//! ([`Pte::is_shared`]), and only those may be writable while the frame has other references (R2).
//! A frame in the swap cache is marked dirty there before an entry becomes writable.
//!
//! Releasing the last area that maps an object ends the object ([`AddressSpace::release`]).

use abi::{MemCounter, ProcCounter};
use sync::Counted;
use sync::atomic::{AtomicU64, Ordering};

use super::area::{Area, Backing};
use super::fault::{Attempt, Leaf};
use super::object::Shared;
use super::stretch::{leaf_tables, most_tables};
use super::{Access, AddressSpace, Ending, Wait};
use crate::addr::{FrameNo, PageRange, SlotNo};
use crate::asids::Asids;
use crate::commit::{Claim, NoMemory};
use crate::frame::Kind;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{ENTRIES, Entry, Format, Permissions, Pte, Table, UserPage, UserRange, Walk};
use crate::reclaim::Patience;
use crate::rmap::{FamilyNo, Member};
use crate::swap::{Lookup, PageWait, READ_AHEAD, SwapIn};
use crate::tlb::Scope;

/// The contents of an object's entry, with a reference to the frame or slot.
enum Had {
    Nothing,
    Frame(FrameNo),
    Slot(SlotNo),
}

impl<M: Machine> Memory<M> {
    /// Returns a new object for these pages of a family. The pages read as zeros and have no frames
    /// yet.
    pub(super) fn share(
        &self,
        family: FamilyNo,
        pages: UserRange,
    ) -> Result<Counted<Shared>, NoMemory> {
        self.budget.take_places(pages.len(), Claim::Promise)?;
        let object = self.build_object(family, pages);
        let object = object.inspect_err(|_| self.budget.add_places(pages.len()))?;
        let promised = pages.len() as i64;
        self.stats.promise(self.machine.hart(), promised);
        self.families.join(&object.member);
        Ok(object)
    }

    fn build_object(
        &self,
        family: FamilyNo,
        pages: UserRange,
    ) -> Result<Counted<Shared>, NoMemory> {
        let mut reservation = self.reserve_frames(1 + most_tables::<M>(pages), Claim::Program)?;
        self.may_allocate()?;
        let root = self.allocate_table(&mut reservation);
        let built = Counted::try_new(Member::new(root.frame(), Asids::SHARED, family))
            .map_err(NoMemory::from)
            .and_then(|member| {
                self.may_allocate()?;
                Ok(Counted::try_new(Shared {
                    member,
                    pages,
                    touched: AtomicU64::new(0),
                })?)
            });
        if built.is_err() {
            self.drop_reference(root.frame());
            return built;
        }
        for page in leaf_tables(pages) {
            if let Walk::Missing { table, level } = self.walk(root.frame(), page) {
                self.extend(table, level, page, &mut reservation);
            }
        }
        built
    }

    /// Ends an object that no area maps any more.
    fn end_object(&self, object: &Shared) {
        self.families.leave(&object.member);
        let unkept = object.unkept_promises();
        let promised = object.pages.len() as i64;
        self.stats.promise(self.machine.hart(), -promised);
        let root = self.table(object.root());
        self.free_below(root, M::Format::LEVELS - 1, ENTRIES);
        self.drop_reference(object.root());
        self.budget.add_places(unkept);
    }

    /// Returns the entry of a page in an object, whose tables all exist.
    fn object_entry(&self, object: &Shared, page: UserPage) -> (Table<'_, M::Format>, usize) {
        match self.walk(object.root(), page) {
            Walk::Leaf(table, index) => (table, index),
            Walk::Missing { .. } => unreachable!("an object has all its tables"),
        }
    }

    fn look_into_object(&self, object: &Shared, page: UserPage) -> Had {
        let (table, index) = self.object_entry(object, page);
        object
            .member
            .entries
            .with(|()| match table.get(index).decode(0) {
                Entry::Page(frame) => {
                    self.frames.record(frame).add_reference();
                    Had::Frame(frame)
                }
                Entry::Swapped(slot) => {
                    self.slots.record(slot).add_reference();
                    Had::Slot(slot)
                }
                Entry::Empty | Entry::Evicted | Entry::Table(_) => Had::Nothing,
            })
    }

    /// Fills the empty entry of an object with a zeroed frame. Returns a reference to the frame, or
    /// `None` if another thread was faster.
    fn fill_object(
        &self,
        object: &Shared,
        page: UserPage,
        patience: Patience,
    ) -> Result<Option<FrameNo>, NoMemory> {
        let mut reservation = self.budget.take_for_placed_page(patience)?;
        let mut frame = self.allocate(Kind::Anonymous, &mut reservation);
        frame.zero();
        let frame = frame.into_reference();
        let record = self.frames.record(frame);
        record.private().set_page(object.page_of(page));
        let (table, index) = self.object_entry(object, page);
        let filled = object.member.entries.with(|()| {
            let empty = table.get(index).is_empty();
            if empty {
                record.add_reference();
                table.fill(index, Pte::page(frame, Permissions::READ));
                object.touched.fetch_add(1, Ordering::Relaxed);
            }
            empty
        });
        if filled {
            return Ok(Some(frame));
        }
        // The page has another frame, which uses the place.
        self.free_without_place(frame);
        Ok(None)
    }

    /// Replaces `slot` in the object's entry by the frame that the slot was read into. Returns
    /// whether the entry still held the slot.
    fn bring_back(&self, object: &Shared, page: UserPage, slot: SlotNo, frame: FrameNo) -> bool {
        let (table, index) = self.object_entry(object, page);
        let record = self.frames.record(frame);
        record.private().set_page(object.page_of(page));
        let back = object.member.entries.with(|()| {
            let pte = table.get(index);
            let there = pte.decode(0) == Entry::Swapped(slot);
            if there {
                record.add_reference();
                let replaced = table.replace(index, pte, pte.swapped_in(frame));
                debug_assert!(replaced, "only under the lock does a slot leave an object");
            }
            there
        });
        if back {
            self.drop_slot(slot);
            self.give_up_slot_if_short(frame);
        }
        back
    }
}

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Maps memory that this process shares with its future children; it reads as zeros at first.
    /// With `over`, the mappings that were there end.
    pub fn map_shared(
        &mut self,
        pages: PageRange,
        permissions: Permissions,
        over: Option<&mut Ending>,
    ) -> Result<(), super::MapError> {
        let pages = self.mappable(pages, &over)?;
        if pages.is_empty() {
            return Err(super::MapError::BadRange);
        }
        if let Some(ending) = over {
            self.part(pages, ending)?;
        }
        self.areas.reserve(self.memory)?;
        self.own_tables(pages)?;
        let memory = self.memory;
        let tables = memory.reserve_frames(most_tables::<M>(pages), Claim::Program)?;
        let object = memory.share(self.context.member().family, pages)?;
        self.unmap_with_room(pages);
        let area = Area {
            backing: Backing::Object(object),
            ..Area::private(pages, permissions, super::Promise::Lazy)
        };
        self.add_area(area, Some(tables));
        Ok(())
    }

    /// Releases the object or the file of an area whose pages were removed.
    pub(super) fn release(&self, area: Area) {
        match area.backing {
            Backing::Own => {}
            Backing::Object(object) => {
                if let Some(object) = object.into_inner() {
                    self.memory.end_object(&object);
                }
            }
            Backing::File(mapped) => {
                if let Some(mapped) = mapped.into_inner() {
                    self.memory.end_mapping(&mapped);
                }
            }
        }
    }

    /// Resolves a fault on a shared page for which this space has no frame.
    pub(super) fn fill_shared(
        &mut self,
        page: UserPage,
        permissions: Permissions,
        object: &Shared,
        access: Access,
    ) -> Result<Attempt<'m, M>, NoMemory> {
        let memory = self.memory;
        let frame = match memory.look_into_object(object, page) {
            Had::Frame(frame) => frame,
            Had::Nothing => match memory.fill_object(object, page, self.patience)? {
                Some(frame) => {
                    self.note_fault(ProcCounter::ZeroFaults, MemCounter::ZeroFaults);
                    frame
                }
                None => return Ok(Attempt::Again),
            },
            Had::Slot(slot) => return self.bring_shared_back(page, object, slot),
        };
        let pte = Pte::shared_page(frame, permissions);
        self.fill_shared_entry(page, pte);
        Ok(match access {
            Access::Write => Attempt::Again,
            Access::Read | Access::Execute => Attempt::Resolved,
        })
    }

    /// Fills the entry of a page of an object or a file, which is empty or evicted, and fences if
    /// the page holds code.
    pub(super) fn fill_shared_entry(&mut self, page: UserPage, pte: Pte<M::Format>) {
        if pte.is_executable() {
            self.context.code_changed();
        }
        self.put_shared_entry(page, pte);
    }

    /// Fills the entry as [`AddressSpace::fill_shared_entry`] does, without a fence.
    pub(super) fn put_shared_entry(&mut self, page: UserPage, pte: Pte<M::Format>) {
        let Walk::Leaf(table, index) = self.walk(page) else {
            unreachable!("an area whose pages are not its own has all its tables");
        };
        let before = table.get(index);
        if before.is_empty() {
            table.fill(index, pte);
            self.pages += 1;
        } else {
            let replaced = table.replace(index, before, pte);
            debug_assert!(replaced, "only its owner brings a page back");
        }
    }

    /// Brings back a shared page whose object's entry holds `slot`. The caller holds a reference to
    /// the slot.
    fn bring_shared_back(
        &mut self,
        page: UserPage,
        object: &Shared,
        slot: SlotNo,
    ) -> Result<Attempt<'m, M>, NoMemory> {
        let memory = self.memory;
        let attempt = match memory.look_up(slot) {
            Lookup::Here(frame) => {
                if memory.bring_back(object, page, slot, frame) {
                    self.faults[ProcCounter::SwapIns as usize] += 1;
                }
                memory.drop_reference(frame);
                Ok(Attempt::Again)
            }
            Lookup::Coming(frame) => Ok(Attempt::Wait(Wait::Page(PageWait::new(memory, frame)))),
            Lookup::Failed => Ok(Attempt::Lost),
            Lookup::Missing => SwapIn::begin(memory, slot, READ_AHEAD, self.patience)
                .map(|read| read.map_or(Attempt::Again, |read| Attempt::Wait(Wait::Read(read)))),
        };
        memory.drop_slot(slot);
        attempt
    }

    /// Resolves a write to a shared page that is present and not writable.
    pub(super) fn write_shared(
        &mut self,
        leaf: Leaf<'m, M::Format>,
        frame: FrameNo,
    ) -> Attempt<'m, M> {
        if let Some(wait) = self.memory.dirty_in_cache(frame) {
            return Attempt::Wait(Wait::Page(wait));
        }
        let written = leaf.pte.written();
        if !leaf.table.replace(leaf.index, leaf.pte, written) {
            return Attempt::Again;
        }
        self.context.loosen(Scope::Page(leaf.page.address()));
        Attempt::Resolved
    }
}
