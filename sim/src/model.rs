//! What must hold: a process is a plain map from page to contents, and there is nothing to share.
//!
//! Of each page four words are watched: the first two, one in the middle and the last, so that a page copied in part is noticed.
//! Every store writes a word that was never written before, so a word seen in the wrong place tells where it came from.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use abi::USER_TOP;
use mm::addr::{PageNo, PageRange, VirtAddr};
use mm::pt::Permissions;
use mm::space::{Access, Promise};

/// Offsets of the words that are watched.
pub const SLOTS: [usize; 4] = [0, 8, 2048, 4088];

/// The watched words of a page, which may be several processes'.
#[derive(Clone, Debug)]
pub struct Words(Rc<Contents>);

#[derive(Debug)]
struct Contents {
    words: [Cell<u64>; SLOTS.len()],
    /// Some process has touched the page.
    touched: Cell<bool>,
}

impl Words {
    /// These.
    pub fn new(words: [u64; SLOTS.len()]) -> Self {
        Self(Rc::new(Contents {
            words: words.map(Cell::new),
            touched: Cell::new(false),
        }))
    }

    /// The word in a slot.
    pub fn get(&self, slot: usize) -> u64 {
        self.0.words[slot].get()
    }

    /// Changes the word in a slot; what was there.
    pub fn replace(&self, slot: usize, word: u64) -> u64 {
        self.0.words[slot].replace(word)
    }

    /// The same words, somebody else's.
    fn copy(&self) -> Self {
        Self::new(std::array::from_fn(|slot| self.get(slot)))
    }
}

/// What a page must be.
#[derive(Clone, Debug)]
pub struct Page {
    /// What is in the watched words.
    pub words: Words,
    /// Whether it is the whole family's.
    pub shared: bool,
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
        self.add(pages, permissions, promise == Promise::Charged, false);
    }

    /// Maps pages of zeros that children will share.
    pub fn map_shared(&mut self, pages: PageRange, permissions: Permissions) {
        self.add(pages, permissions, true, true);
    }

    fn add(&mut self, pages: PageRange, permissions: Permissions, promised: bool, shared: bool) {
        for number in pages.start.0..pages.end.0 {
            let page = Page {
                words: Words::new([0; SLOTS.len()]),
                shared,
                permissions,
                promised,
                touched: false,
            };
            self.pages.insert(PageNo(number), page);
        }
    }

    /// Unmaps whatever is in the range.
    pub fn unmap(&mut self, pages: PageRange) {
        self.pages.retain(|&page, _| !pages.contains(page));
    }

    /// What a child has: the same, but only what is shared was promised to it too.
    pub fn child(&self) -> Self {
        let mut child = self.clone();
        for page in child.pages.values_mut().filter(|page| !page.shared) {
            page.promised = false;
            page.words = page.words.copy();
        }
        child
    }
}

impl Page {
    /// Notes that the process has touched it.
    pub fn touch(&mut self) {
        self.touched = true;
        self.words.0.touched.set(true);
    }

    /// Whether the next touch must not find memory short: it was promised, and nobody has made use of that.
    pub fn is_due(&self) -> bool {
        self.promised && !self.touched && !(self.shared && self.words.0.touched.get())
    }

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
