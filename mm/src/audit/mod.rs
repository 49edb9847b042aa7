//! Recounts everything from the roots and compares it with the records.
//!
//! The audit is the definition of R1 and R2 in executable form: it does not know how the counts
//! came about. It runs while nothing else does (in a test, in a simulation, in a kernel at a
//! standstill), and one at a time. It counts in the frame records, so it needs no memory and works
//! when none is left.
//!
//! Checked are:
//!
//! - every entry lies in an area and permits no more than the area does;
//! - a page that can be written has one reference and carries the mark (R2);
//! - every count is the number of referrers (R1);
//! - `live` in each table, and the totals that each space keeps, are right;
//! - the tree of the areas is whole and in order, and tables exist only where areas are;
//! - the free lists hold each free frame once, and no other frame;
//! - cached frames and slots name each other;
//! - a page of a file is in the cache, is what its area maps, and is writable only if it is dirty
//!   and shared;
//! - the budget knows the free frames, and every place is taken, promised or free.

mod finding;

use sync::atomic::{AtomicU32, Ordering};

pub use finding::Finding;
use finding::total;

use crate::addr::{FrameNo, PageNo, PageRange};
use crate::frame::{Cached, FrameRecord, Kind};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{AtomicPte, ENTRIES, Entry, Format, Pte, Table, UserRange};
use crate::space::AddressSpace;

/// An audit in progress.
struct Audit<'a, M: Machine> {
    memory: &'a Memory<M>,
}

impl<M: Machine> Memory<M> {
    /// Compares the records with what `spaces`, which are all there are, refer to.
    ///
    /// # Errors
    /// The first thing found.
    pub fn audit<'s, 'm: 's>(
        &'m self,
        spaces: impl IntoIterator<Item = &'s AddressSpace<'m, M>>,
    ) -> Result<(), Finding> {
        for (_, record) in self.frames.all() {
            record.met.store(0, Ordering::Relaxed);
        }
        for (_, record) in self.slots.all() {
            record.met.store(0, Ordering::Relaxed);
        }
        let audit = Audit { memory: self };
        let mut promised = 0;
        for space in spaces {
            audit.space(space)?;
            let (kept, found) = space.area_count();
            total("areas of a space", kept, found)?;
            let (lent, missing) = space.lent_tables();
            total("tables that a space has lent", lent, missing)?;
            promised += space.unkept_promises() + lent + audit.objects(space);
        }
        self.for_each_cached_page(|frame| {
            audit.note(frame);
        });
        let large = "objects above a page that were asked for after the boot";
        total(large, 0, self.heap.large_refused())?;
        let used = audit.frames()?;
        let free = self.frames_managed() - used.all;
        total("frames on the free lists", free, audit.free_lists()?)?;
        total("free frames in the budget", self.budget.frames(), free)?;
        total(
            "places taken, promised and left",
            used.placed + used.kept + audit.slots()? + promised + self.budget.places(),
            self.frames_managed() + self.slots.len(),
        )
    }
}

impl<M: Machine> Audit<'_, M> {
    /// Counts a referrer of a frame. Returns how many referrers have been counted so far.
    fn note(&self, frame: FrameNo) -> u32 {
        tick(&self.memory.frames.record(frame).met)
    }

    fn space(&self, space: &AddressSpace<'_, M>) -> Result<(), Finding> {
        let root = self.memory.table(space.context().root());
        self.note(root.frame());
        let mut counted = Counted::default();
        self.table(
            space,
            root,
            M::Format::LEVELS - 1,
            0,
            M::Format::KERNEL_ROOT,
            &mut counted,
        )?;
        total(
            "tables of a space",
            space.tables_below_root(),
            counted.tables,
        )?;
        total("pages of a space", space.touched_pages(), counted.pages)
    }

    fn table(
        &self,
        space: &AddressSpace<'_, M>,
        table: Table<'_, M::Format>,
        level: usize,
        base: u64,
        entries: usize,
        counted: &mut Counted,
    ) -> Result<(), Finding> {
        let span = 1u64 << (9 * level);
        let mut live = 0;
        for index in 0..entries {
            let page = PageNo(base + index as u64 * span);
            let pte = table.get(index);
            match pte.decode(level) {
                Entry::Empty => continue,
                Entry::Page(frame) => {
                    self.page(space, page, frame, pte)?;
                    counted.pages += 1;
                }
                Entry::Evicted => {
                    in_area(space, page)?;
                    counted.pages += 1;
                }
                Entry::Swapped(slot) => {
                    in_area(space, page)?;
                    tick(&self.memory.slots.record(slot).met);
                    counted.pages += 1;
                }
                Entry::Table(frame) => {
                    if !space.has_area_in(PageRange::new(page, page.plus(span))) {
                        return Err(Finding::Stray { page });
                    }
                    let met = self.note(frame);
                    counted.tables += 1;
                    let lower = self.memory.table(frame);
                    self.link(page, pte, lower)?;
                    if pte.is_shared() && met > 1 {
                        // What is in it was counted with its first referrer.
                        counted.pages += lower.live() as u64;
                    } else {
                        self.table(space, lower, level - 1, page.0, ENTRIES, counted)?;
                    }
                }
            }
            live += 1;
        }
        total("live entries of a table", table.live() as u64, live)
    }

    /// Checks that the hardware cannot write what is below a link whose table has other referrers.
    fn link(
        &self,
        page: PageNo,
        link: Pte<M::Format>,
        table: Table<'_, M::Format>,
    ) -> Result<(), Finding> {
        let (frame, record) = (table.frame(), table.record());
        if !link.is_shared() {
            return match record.referrers() {
                1 => Ok(()),
                references => Err(Finding::Open {
                    page,
                    frame,
                    references,
                }),
            };
        }
        let protected = record.is_protected();
        let is_writable =
            |entry: &AtomicPte<M::Format>| entry.load(Ordering::Relaxed).is_writable();
        let is_open = link.is_followed() && link != Pte::closed_link(frame);
        if is_open && !protected || protected && table.entries().iter().any(is_writable) {
            return Err(Finding::Unprotected { page, frame });
        }
        Ok(())
    }

    fn page(
        &self,
        space: &AddressSpace<'_, M>,
        page: PageNo,
        frame: FrameNo,
        pte: Pte<M::Format>,
    ) -> Result<(), Finding> {
        self.note(frame);
        in_area(space, page)?;
        let record = self.memory.frames.record(frame);
        // Waiters do not look at the contents.
        let references = record.count_without_waiters();
        let may_write = pte.may_become_writable();
        let shared = pte.is_shared();
        let may_be_shared = match record.kind() {
            Kind::File if !shared => return Err(Finding::Foreign { page, frame }),
            Kind::File => self.may_write_file(space, page, frame)?,
            _ => shared && (record.slot().is_none() || record.cached() == Cached::Dirty),
        };
        let alone = references == 1 || may_be_shared;
        if pte.is_writable() && !(alone && may_write) {
            return Err(Finding::Writable {
                page,
                frame,
                references,
            });
        }
        Ok(())
    }

    /// Returns whether an entry for a page of a file may be writable. The page must be the one that
    /// the area maps there.
    fn may_write_file(
        &self,
        space: &AddressSpace<'_, M>,
        page: PageNo,
        frame: FrameNo,
    ) -> Result<bool, Finding> {
        let record = self.memory.frames.record(frame);
        match space.file_page_at(page) {
            Some((file_page, shared)) if file_page == record.file().page() => {
                let dirty = matches!(record.cached(), Cached::Dirty | Cached::Gone);
                Ok(shared && dirty)
            }
            _ => Err(Finding::Foreign { page, frame }),
        }
    }

    /// Counts what the shared objects of a space refer to, unless they have been met. Returns the
    /// places that they keep.
    fn objects(&self, space: &AddressSpace<'_, M>) -> u64 {
        let mut promised = 0;
        for object in space.shared_objects() {
            let root = self.memory.frames.record(object.root());
            if root.met.load(Ordering::Relaxed) == 0 {
                self.note(object.root());
                self.object_table(self.memory.table(object.root()), M::Format::LEVELS - 1);
                promised += object.unkept_promises();
            }
        }
        promised
    }

    fn object_table(&self, table: Table<'_, M::Format>, level: usize) {
        for index in 0..ENTRIES {
            match table.get(index).decode(level) {
                Entry::Table(frame) => {
                    self.note(frame);
                    self.object_table(self.memory.table(frame), level - 1);
                }
                Entry::Page(frame) => {
                    self.note(frame);
                }
                Entry::Swapped(slot) => {
                    tick(&self.memory.slots.record(slot).met);
                }
                Entry::Empty | Entry::Evicted => {}
            }
        }
    }

    /// Compares the counts of all frames. Returns which frames are in use.
    fn frames(&self) -> Result<Used, Finding> {
        let mut used = Used::default();
        for (frame, record) in self.memory.frames.all() {
            let (kind, recorded) = (record.kind(), record.count());
            // The owner of a kernel frame cannot be found from the roots.
            let mut found = record.met.load(Ordering::Relaxed) + u32::from(kind == Kind::Kernel);
            found += match kind {
                Kind::Anonymous => record.waiters() + self.cache(frame, record)?,
                Kind::File => record.waiters() + in_transfer(record),
                Kind::Free | Kind::Table | Kind::Kernel => 0,
            };
            if recorded != found {
                return Err(Finding::Count {
                    frame,
                    kind: kind.name(),
                    recorded,
                    found,
                });
            }
            used.all += u64::from(kind != Kind::Free);
            used.placed += u64::from(!matches!(kind, Kind::Free | Kind::File));
            if kind == Kind::Table {
                // A place for each further sharer.
                used.kept += u64::from(recorded - 1);
            }
        }
        Ok(used)
    }

    /// Returns how many references the swap cache and a transfer have to a frame.
    fn cache(&self, frame: FrameNo, record: &FrameRecord) -> Result<u32, Finding> {
        let Some(slot) = record.slot() else {
            return Ok(0);
        };
        if self.memory.slots.record(slot).frame() != Some(self.memory.frames.index(frame)) {
            return Err(Finding::Cache { frame, slot });
        }
        Ok(1 + in_transfer(record))
    }

    /// Compares the counts of all slots. Returns how many are in use without a frame.
    fn slots(&self) -> Result<u64, Finding> {
        let mut alone = 0;
        for (slot, record) in self.memory.slots.all() {
            let free = u64::from(record.count() == 0);
            let found = u64::from(self.memory.slots.is_free(slot));
            total("slots that are free, of one", found, free)?;
            let frame = record.frame().map(|index| self.memory.frames.frame(index));
            if let Some(frame) = frame
                && self.memory.frames.record(frame).slot() != Some(slot)
            {
                return Err(Finding::Cache { frame, slot });
            }
            let recorded = record.count();
            let found = record.met.load(Ordering::Relaxed) + u32::from(frame.is_some());
            if recorded != found {
                return Err(Finding::Slot {
                    slot,
                    recorded,
                    found,
                });
            }
            alone += u64::from(found != 0 && frame.is_none());
        }
        Ok(alone)
    }

    /// Counts the frames in the free lists.
    fn free_lists(&self) -> Result<u64, Finding> {
        let memory = self.memory;
        let mut listed = 0;
        let mut wrong = None;
        memory.for_each_free_frame(|frame| {
            listed += 1;
            // A frame that is in use, or listed twice, has been noted before.
            let found = self.note(frame);
            if found != 1 {
                wrong = Some(Finding::Count {
                    frame,
                    kind: memory.frames.record(frame).kind().name(),
                    recorded: 0,
                    found,
                });
            }
        });
        wrong.map_or(Ok(listed), Err)
    }
}

/// Returns how many references a transfer has to a cached frame.
fn in_transfer(record: &FrameRecord) -> u32 {
    u32::from(matches!(
        record.cached(),
        Cached::Reading | Cached::Writing | Cached::Leaving
    ))
}

/// Adds one. Returns the sum. Only the audit counts here, so a load and a store are enough.
fn tick(met: &AtomicU32) -> u32 {
    let count = met.load(Ordering::Relaxed) + 1;
    met.store(count, Ordering::Relaxed);
    count
}

fn in_area<M: Machine>(space: &AddressSpace<'_, M>, page: PageNo) -> Result<(), Finding> {
    if space.has_area_in(PageRange::one(page)) {
        Ok(())
    } else {
        Err(Finding::Stray { page })
    }
}

impl<M: Machine> AddressSpace<'_, M> {
    /// Returns a page at which `frame` is mapped, for messages.
    pub fn page_of(&self, frame: FrameNo) -> Option<PageNo> {
        let mut found = None;
        self.for_each_leaf(UserRange::all::<M::Format>(), |table, index, page| {
            if table.get(index).decode(0) == Entry::Page(frame) {
                found = Some(*page);
            }
        });
        found
    }
}

/// Frames in use.
#[derive(Default)]
struct Used {
    all: u64,
    /// The frames with places: all but those of the page cache.
    placed: u64,
    /// The places that shared tables keep for their sharers.
    kept: u64,
}

/// The totals counted below a root.
#[derive(Default)]
struct Counted {
    tables: u64,
    pages: u64,
}
