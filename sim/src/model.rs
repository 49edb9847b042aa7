//! What must hold: a process is a plain map from page to contents, and there is nothing to share.
//!
//! Of each page four words are watched: the first two, one in the middle and the last, so that a page copied in part is noticed.
//! Every store writes a word that was never written before, so a word seen in the wrong place tells where it came from.

use std::collections::BTreeMap;

use abi::USER_TOP;
use mm::addr::{PageNo, PageRange, VirtAddr};
use mm::pt::Permissions;
use mm::space::{Access, Promise};

/// Offsets of the words that are watched.
pub const SLOTS: [usize; 4] = [0, 8, 2048, 4088];

/// What a page must be.
#[derive(Clone, Debug)]
pub struct Page {
    /// What is in the watched words.
    pub words: [u64; SLOTS.len()],
    /// What the program may do.
    pub permissions: Permissions,
    /// The page was promised to this very process, so a first touch cannot fail.
    pub promised: bool,
    /// It has been touched, so it has a frame.
    pub touched: bool,
}

/// What a process's memory must be.
#[derive(Clone, Debug)]
pub struct Model {
    pages: BTreeMap<PageNo, Page>,
    /// Where the heap ends.
    pub heap_break: VirtAddr,
}

/// The slot of an address, if it is watched.
pub fn slot(address: VirtAddr) -> Option<usize> {
    SLOTS.iter().position(|&offset| offset == address.offset())
}

impl Default for Model {
    /// Nothing mapped, and a heap that ends where it begins, at 0.
    fn default() -> Self {
        Self {
            pages: BTreeMap::new(),
            heap_break: VirtAddr(0),
        }
    }
}

impl Model {
    /// The page at an address, if something is mapped there.
    pub fn page(&self, page: PageNo) -> Option<&Page> {
        self.pages.get(&page)
    }

    /// The same, to change.
    pub fn page_mut(&mut self, page: PageNo) -> Option<&mut Page> {
        self.pages.get_mut(&page)
    }

    /// All pages.
    pub fn pages(&self) -> impl Iterator<Item = (PageNo, &Page)> {
        self.pages.iter().map(|(&number, page)| (number, page))
    }

    /// The page of this index, modulo how many there are.
    pub fn nth_page(&self, index: usize) -> Option<PageNo> {
        let count = self.pages.len().max(1);
        self.pages.keys().nth(index % count).copied()
    }

    /// How many pages have frames.
    pub fn touched(&self) -> u64 {
        self.pages.values().filter(|page| page.touched).count() as u64
    }

    /// Whether pages are the program's to have.
    pub fn allows(&self, pages: PageRange) -> bool {
        pages.end <= VirtAddr(USER_TOP).page()
    }

    /// Whether pages could be mapped: they are the program's to have, and nothing is there.
    pub fn fits(&self, pages: PageRange) -> bool {
        self.allows(pages) && self.pages.range(pages.start..pages.end).next().is_none()
    }

    /// Whether all of the pages are mapped.
    pub fn covers(&self, pages: PageRange) -> bool {
        self.pages.range(pages.start..pages.end).count() as u64 == pages.len()
    }

    /// Gives pages other permissions.
    pub fn protect(&mut self, pages: PageRange, permissions: Permissions) {
        for (_, page) in self.pages.range_mut(pages.start..pages.end) {
            page.permissions = permissions;
        }
    }

    /// Maps pages of zeros.
    pub fn map(&mut self, pages: PageRange, permissions: Permissions, promise: Promise) {
        for number in pages.start.0..pages.end.0 {
            let page = Page {
                words: [0; SLOTS.len()],
                permissions,
                promised: promise == Promise::Charged,
                touched: false,
            };
            self.pages.insert(PageNo(number), page);
        }
    }

    /// Unmaps whatever is in the range.
    pub fn unmap(&mut self, pages: PageRange) {
        self.pages.retain(|&page, _| !pages.contains(page));
    }

    /// What a child has: the same, but nothing was promised to it.
    pub fn child(&self) -> Self {
        let mut child = self.clone();
        for page in child.pages.values_mut() {
            page.promised = false;
        }
        child
    }
}

impl Page {
    /// Whether the program may do this.
    pub fn allows(&self, access: Access) -> bool {
        match access {
            Access::Read => self
                .permissions
                .intersects(Permissions::READ | Permissions::WRITE),
            Access::Write => self.permissions.contains(Permissions::WRITE),
            Access::Execute => self.permissions.contains(Permissions::EXECUTE),
        }
    }
}
