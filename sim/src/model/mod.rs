//! What must hold: a process is a plain map from page to contents, and there is nothing to share
//! but what programs asked to.
//!
//! What is in a page: [`Page`]; of a file: [`crate::file`].

mod page;

use std::collections::BTreeMap;
use std::rc::Rc;

use mm::addr::{PageNo, PageRange, VirtAddr};
use mm::file::FilePage;
use mm::pt::Permissions;
use mm::space::Promise;

use crate::file::{Mapping, View};
use page::Origin;
pub use page::{Page, SLOTS, Words, permits, slot};

/// What a process's memory must be.
#[derive(Clone, Debug)]
pub struct Model {
    pages: BTreeMap<PageNo, Page>,
    /// Where the heap ends.
    pub heap_break: VirtAddr,
    /// Where programs end.
    top: VirtAddr,
}

impl Model {
    /// Nothing mapped, and a heap that ends where it begins, at 0; programs end at `top`.
    pub fn new(top: VirtAddr) -> Self {
        Self {
            pages: BTreeMap::new(),
            heap_break: VirtAddr(0),
            top,
        }
    }

    /// Returns the page at an address, if something is mapped there.
    pub fn page(&self, page: PageNo) -> Option<&Page> {
        self.pages.get(&page)
    }

    /// Returns the same, to change.
    pub fn page_mut(&mut self, page: PageNo) -> Option<&mut Page> {
        self.pages.get_mut(&page)
    }

    /// Returns all pages.
    pub fn pages(&self) -> impl Iterator<Item = (PageNo, &Page)> {
        self.pages.iter().map(|(&number, page)| (number, page))
    }

    /// Returns the page of this index, modulo how many there are.
    pub fn nth_page(&self, index: usize) -> Option<PageNo> {
        let count = self.pages.len().max(1);
        self.pages.keys().nth(index % count).copied()
    }

    /// Returns how many pages have frames.
    pub fn touched(&self) -> u64 {
        self.pages.values().filter(|page| page.touched).count() as u64
    }

    /// Returns whether pages are the program's to have.
    pub fn allows(&self, pages: PageRange) -> bool {
        pages.end <= self.top.page()
    }

    /// Returns whether pages could be mapped: they are the program's to have, and nothing is there.
    pub fn fits(&self, pages: PageRange) -> bool {
        self.allows(pages) && self.pages.range(pages.start..pages.end).next().is_none()
    }

    /// Returns whether all of the pages are mapped.
    pub fn covers(&self, pages: PageRange) -> bool {
        self.pages.range(pages.start..pages.end).count() as u64 == pages.len()
    }

    /// Returns whether pages may get permissions: they are the program's, mapped, and no file is
    /// made writable by it that must not be.
    pub fn may_protect(&self, pages: PageRange, permissions: Permissions) -> bool {
        let mut there = self.pages.range(pages.start..pages.end);
        let forbids = |page: &Page| {
            let map = page.view().map(View::map);
            map.is_some_and(|map| map.shared && !map.writable)
        };
        self.allows(pages)
            && self.covers(pages)
            && !(permissions.contains(Permissions::WRITE) && there.any(|(_, page)| forbids(page)))
    }

    /// Returns the pages of files that are mapped shared in a range.
    pub fn shared_file_pages(&self, pages: PageRange) -> Vec<FilePage> {
        let there = self.pages.range(pages.start..pages.end);
        let shared =
            |(_, page): (_, &Page)| page.view().filter(|view| view.map().shared).map(View::page);
        there.filter_map(shared).collect()
    }

    /// Gives pages other permissions.
    pub fn protect(&mut self, pages: PageRange, permissions: Permissions) {
        for (_, page) in self.pages.range_mut(pages.start..pages.end) {
            page.permissions = permissions;
        }
    }

    /// Maps pages of zeros.
    pub fn map(&mut self, pages: PageRange, permissions: Permissions, promise: Promise) {
        let promised = promise == Promise::Charged;
        self.add(pages, permissions, promised, |_| Origin::Process);
    }

    /// Maps pages of zeros that children will share.
    pub fn map_shared(&mut self, pages: PageRange, permissions: Permissions) {
        self.add(pages, permissions, true, |_| Origin::Family);
    }

    /// Maps pages of a file.
    pub fn map_file(&mut self, pages: PageRange, permissions: Permissions, mapping: &Rc<Mapping>) {
        let promised = !mapping.map().shared && permissions.contains(Permissions::WRITE);
        self.add(pages, permissions, promised, |distance| {
            Origin::File(View::new(mapping, distance))
        });
    }

    fn add(
        &mut self,
        pages: PageRange,
        permissions: Permissions,
        promised: bool,
        origin: impl Fn(u64) -> Origin,
    ) {
        for distance in 0..pages.len() {
            let page = Page::new(origin(distance), permissions, promised);
            self.pages.insert(pages.start.plus(distance), page);
        }
    }

    /// Unmaps whatever is in the range.
    pub fn unmap(&mut self, pages: PageRange) {
        self.pages.retain(|&page, _| !pages.contains(page));
    }

    /// Returns what a child has: the same, but only what is shared was promised to it too.
    pub fn child(&self) -> Self {
        let pages = self.pages.iter();
        Self {
            pages: pages
                .map(|(&number, page)| (number, page.child()))
                .collect(),
            heap_break: self.heap_break,
            top: self.top,
        }
    }
}
