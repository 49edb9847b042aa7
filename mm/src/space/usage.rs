//! Looking at an address space: `pageinfo` and `procstat`.

use abi::{PAGE_SIZE, PROC_COUNTERS, PageInfo, ProcCounter};

use super::{AddressSpace, Promise};
use crate::addr::{FrameNo, PageNo, PageRange};
use crate::machine::Machine;
use crate::mistake::{self, Mistake};
use crate::pt::{Entry, Format, Walk};

impl<M: Machine> AddressSpace<'_, M> {
    /// The frame of a page, if it is present.
    pub(super) fn page_frame(&self, page: PageNo) -> Option<FrameNo> {
        match self.walk(page) {
            Walk::Leaf(table, index) => match M::Format::decode(table.get(index), 0) {
                Entry::Page(frame) => Some(frame),
                _ => None,
            },
            Walk::Missing { .. } => None,
        }
    }

    /// What `pageinfo` tells of a page; 0 for one that is absent or not the user's.
    pub fn page_info(&self, page: PageNo) -> PageInfo {
        if self.areas.find(page).is_none() {
            return PageInfo(0);
        }
        PageInfo(self.page_frame(page).map_or(0, |frame| {
            let sole = self.memory.frames.record(frame).is_sole();
            PageInfo::PRESENT
                | if sole { PageInfo::EXCLUSIVE } else { 0 }
                | frame.0 & PageInfo::FRAME
        }))
    }

    /// The counters of `procstat`.
    pub fn usage(&self) -> [u64; PROC_COUNTERS] {
        let mut out = self.faults;
        let (mut unique, mut shared, mut proportional) = (0, 0, 0);
        for area in self.areas.iter() {
            self.for_each_leaf(area.pages, |table, index, _| {
                if let Entry::Page(frame) = M::Format::decode(table.get(index), 0) {
                    let sharers = u64::from(self.memory.frames.record(frame).count());
                    *if sharers == 1 {
                        &mut unique
                    } else {
                        &mut shared
                    } += 1;
                    proportional += PAGE_SIZE as u64 / sharers.max(1);
                }
            });
        }
        let page = PAGE_SIZE as u64;
        out[ProcCounter::Size as usize] = self.heap_break.0;
        out[ProcCounter::Resident as usize] = if mistake::makes(Mistake::ResidentGrowsOnCopy) {
            self.resident_bytes()
        } else {
            (unique + shared) * page
        };
        out[ProcCounter::Proportional as usize] = proportional;
        out[ProcCounter::Unique as usize] = unique * page;
        out[ProcCounter::Shared as usize] = shared * page;
        // Every mapping is private until files and shared memory can be mapped.
        out[ProcCounter::Private as usize] = (unique + shared) * page;
        out
    }

    /// Bytes that are mapped and present: cheap, for listings.
    pub fn resident_bytes(&self) -> u64 {
        self.resident * PAGE_SIZE as u64
    }

    /// Page tables below the root, by the space's own count.
    pub(crate) fn tables_below_root(&self) -> u64 {
        self.tables
    }

    /// Pages present, by the space's own count.
    pub(crate) fn resident_pages(&self) -> u64 {
        self.resident
    }

    /// Whether some area has a page of the range.
    pub(crate) fn has_area_in(&self, pages: PageRange) -> bool {
        self.areas.overlaps(pages)
    }

    /// Tickets the areas keep for pages that have no frame yet.
    pub(crate) fn unkept_promises(&self) -> u64 {
        let charged = self
            .areas
            .iter()
            .filter(|area| area.promise == Promise::Charged);
        charged
            .map(|area| area.pages.len() - self.present(area.pages))
            .sum()
    }

    /// How many of the pages have a frame.
    pub(super) fn present(&self, pages: PageRange) -> u64 {
        let mut present = 0;
        self.for_each_leaf(pages, |table, index, _| {
            present += u64::from(table.get(index) != 0)
        });
        present
    }
}
