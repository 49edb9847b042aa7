//! The counts of pages that `pageinfo` and `procstat` report.

use abi::{PAGE_SIZE, PROC_COUNTERS, PageInfo, ProcCounter};

use super::area::Backing;
use super::stretch::Stretch;
use super::{AddressSpace, Promise, Shared};
use crate::addr::{FrameNo, PageNo, PageRange};
use crate::file::FilePage;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{Entry, Format, Pte, Table, UserPage, UserRange, Walk};

/// A count of the pages of a space, complete or in progress.
pub struct PageCounts {
    /// The first page that has not been counted.
    next: PageNo,
    unique: u64,
    shared: u64,
    private: u64,
    proportional: u64,
    swapped: u64,
}

impl PageCounts {
    /// About how many entries, holes and areas one call counts.
    const PART: u64 = 512;

    /// Returns an empty count.
    pub const fn new() -> Self {
        Self {
            next: PageNo(0),
            unique: 0,
            shared: 0,
            private: 0,
            proportional: 0,
            swapped: 0,
        }
    }
}

impl Default for PageCounts {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Machine> AddressSpace<'_, M> {
    /// Returns the frame of a page, if it is present.
    pub(super) fn page_frame(&self, page: UserPage) -> Option<FrameNo> {
        match self.walk(page) {
            Walk::Leaf(table, index) => match table.get(index).decode(0) {
                Entry::Page(frame) => Some(frame),
                _ => None,
            },
            Walk::Missing { .. } => None,
        }
    }

    /// Returns the `pageinfo` pte of a page: 0 if it was never touched or is not in the user half.
    pub fn page_info(&self, page: PageNo) -> PageInfo {
        let mut info = [PageInfo(0)];
        if let Some(page) = UserPage::new::<M::Format>(page) {
            self.page_infos(UserRange::one(page), &mut info);
        }
        info[0]
    }

    /// Fills `infos` with the `pageinfo` words of `pages`. It must have room for them all.
    pub fn page_infos(&self, pages: UserRange, infos: &mut [PageInfo]) {
        infos.fill(PageInfo(0));
        self.for_each_leaf(pages, |table, index, page| {
            infos[(page.0 - pages.start.0) as usize] = self.info_of(table, table.get(index));
        });
    }

    fn info_of(&self, table: Table<'_, M::Format>, pte: Pte<M::Format>) -> PageInfo {
        PageInfo(match pte.decode(0) {
            Entry::Page(frame) => {
                let sole = self.memory.mappers(frame, pte, table) == 1;
                let shared = pte.is_shared();
                PageInfo::PRESENT
                    | if sole { PageInfo::EXCLUSIVE } else { 0 }
                    | if shared { PageInfo::FILE_OR_SHARED } else { 0 }
                    | frame.0 & PageInfo::FRAME
            }
            Entry::Swapped(_) => PageInfo::SWAPPED,
            Entry::Evicted => PageInfo::SWAPPED | PageInfo::FILE_OR_SHARED,
            Entry::Empty | Entry::Table(_) => 0,
        })
    }

    /// Returns the counters of `procstat`.
    pub fn usage(&self) -> [u64; PROC_COUNTERS] {
        let mut pages = PageCounts::new();
        while !self.count_pages(&mut pages) {}
        self.usage_with(&pages)
    }

    /// Continues the count. Returns whether it is complete. One call takes a bounded time, so a
    /// caller that counts many pages can release the lock of the space in between. A page that
    /// changes meanwhile is counted as it is when its turn comes.
    pub fn count_pages(&self, counts: &mut PageCounts) -> bool {
        let mut left = PageCounts::PART;
        let everywhere = UserRange::all::<M::Format>();
        for area in self.areas.within(*everywhere.from(counts.next)) {
            for Stretch {
                pages: here, leaf, ..
            } in self.stretches(area.pages.from(counts.next))
            {
                let live = leaf.filter(|table| table.live() > 0);
                let cost = live.map_or(1, |_| here.len());
                if left == 0 {
                    return false;
                }
                left = left.saturating_sub(cost);
                counts.next = here.end;
                let Some(table) = live else { continue };
                let mut at = here.start;
                while let Some(page) = here.page(at) {
                    let pte = table.get(M::Format::index(page, 0));
                    self.count_page(table, pte, counts);
                    at = page.plus(1);
                }
            }
        }
        true
    }

    fn count_page(
        &self,
        table: Table<'_, M::Format>,
        pte: Pte<M::Format>,
        counts: &mut PageCounts,
    ) {
        match pte.decode(0) {
            Entry::Page(frame) => {
                counts.private += u64::from(!pte.is_shared());
                let sharers = u64::from(self.memory.mappers(frame, pte, table));
                *if sharers == 1 {
                    &mut counts.unique
                } else {
                    &mut counts.shared
                } += 1;
                counts.proportional += PAGE_SIZE as u64 / sharers.max(1);
            }
            Entry::Swapped(_) | Entry::Evicted => counts.swapped += 1,
            Entry::Empty | Entry::Table(_) => {}
        }
    }

    /// Returns the counters of `procstat`, from a complete count.
    pub fn usage_with(&self, counts: &PageCounts) -> [u64; PROC_COUNTERS] {
        let mut out = self.faults;
        let &PageCounts {
            unique,
            shared,
            private,
            proportional,
            swapped,
            next: _,
        } = counts;
        let page = PAGE_SIZE as u64;
        out[ProcCounter::Size as usize] = self.heap_break.0;
        out[ProcCounter::Resident as usize] = (unique + shared) * page;
        out[ProcCounter::Proportional as usize] = proportional;
        out[ProcCounter::Unique as usize] = unique * page;
        out[ProcCounter::Shared as usize] = shared * page;
        out[ProcCounter::Swapped as usize] = swapped * page;
        out[ProcCounter::Private as usize] = private * page;
        out
    }

    /// Returns the space's own count of page tables below the root.
    pub(crate) fn tables_below_root(&self) -> u64 {
        self.tables
    }

    /// Returns the space's own count of pages that are present or swapped out.
    pub(crate) fn touched_pages(&self) -> u64 {
        self.pages
    }

    /// Returns the number of areas twice: as it is kept, and as counted now.
    pub(crate) fn area_count(&self) -> (u64, u64) {
        self.areas.count()
    }

    /// Returns the shared objects that the areas map. An object that several areas map is returned
    /// several times.
    pub(crate) fn shared_objects(&self) -> impl Iterator<Item = &Shared> {
        self.areas.iter().filter_map(|area| match &area.backing {
            Backing::Object(object) => Some(&**object),
            Backing::Own | Backing::File(_) => None,
        })
    }

    /// Returns the page of a file that is mapped at `page`, and whether the mapping is shared.
    pub(crate) fn file_page_at(&self, page: PageNo) -> Option<(FilePage, bool)> {
        let area = self.areas.find(page)?;
        let mapped = area.file()?;
        Some((mapped.file_page(page), mapped.map().sharing.is_shared()))
    }

    /// Returns whether some area overlaps the range.
    pub(crate) fn has_area_in(&self, pages: PageRange) -> bool {
        self.areas.overlaps(pages)
    }

    /// Returns how many places the areas keep for pages that were never touched.
    pub(crate) fn unkept_promises(&self) -> u64 {
        let charged = self
            .areas
            .iter()
            .filter(|area| area.promise == Promise::Charged);
        charged
            .map(|area| area.pages.len() - self.own_pages(area.pages))
            .sum()
    }

    /// Returns how many of the pages are private and have used the places promised for them.
    pub(super) fn own_pages(&self, pages: UserRange) -> u64 {
        let mut own = 0;
        self.for_each_leaf(pages, |table, index, _| {
            own += u64::from(is_own(table.get(index)));
        });
        own
    }
}

/// Returns whether an entry stands for a private page, in a frame or in swap.
pub(super) fn is_own<F: Format>(pte: Pte<F>) -> bool {
    match pte.decode(0) {
        Entry::Page(_) => !pte.is_shared(),
        Entry::Swapped(_) => true,
        Entry::Empty | Entry::Evicted | Entry::Table(_) => false,
    }
}

impl<M: Machine> Memory<M> {
    /// Returns how many processes map the frame of a page. `pte` is one of the entries that do, and
    /// is in `table`. The number is too large while the page is transferred or evicted, and too
    /// small if another table that maps the frame is shared as well. It is 1 only if it is exact.
    fn mappers(&self, frame: FrameNo, pte: Pte<M::Format>, table: Table<'_, M::Format>) -> u32 {
        let sharers = if table.is_shared() {
            table.record().referrers()
        } else {
            1
        };
        let record = self.frames.record(frame);
        // The swap cache does not map the frame. Nor does the object or the page cache that a
        // shared page belongs to.
        let others = u32::from(record.slot().is_some()) + u32::from(pte.is_shared());
        (record.count() + sharers - 1).saturating_sub(others)
    }
}
