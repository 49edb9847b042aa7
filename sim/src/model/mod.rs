//! The model of a process: a plain map from page to contents. Only memory that programs asked to
//! share is shared.
//!
//! Neighbours: [`Page`] is the model of a page, [`crate::file`] that of a file.

mod page;

use std::collections::BTreeMap;
use std::rc::Rc;

use mm::addr::{PageNo, PageRange, VirtAddr};
use mm::file::{FilePage, Sharing};
use mm::pt::Permissions;
use mm::space::Promise;

use crate::file::{Mapping, View};
use page::Origin;
pub use page::{Page, permits, slot};

/// The model of a process's memory.
#[derive(Clone, Debug)]
pub struct Model {
    pages: BTreeMap<PageNo, Page>,
    /// The end of the heap.
    pub heap_break: VirtAddr,
    /// The end of user memory.
    top: VirtAddr,
}

impl Model {
    /// Returns a model without mappings and with an empty heap at 0. User memory ends at `top`.
    pub fn new(top: VirtAddr) -> Self {
        Self {
            pages: BTreeMap::new(),
            heap_break: VirtAddr(0),
            top,
        }
    }

    /// Returns the page with this number, if it is mapped.
    pub fn page(&self, page: PageNo) -> Option<&Page> {
        self.pages.get(&page)
    }

    /// Returns the page with this number, to change it, if it is mapped.
    pub fn page_mut(&mut self, page: PageNo) -> Option<&mut Page> {
        self.pages.get_mut(&page)
    }

    /// Returns all pages.
    pub fn pages(&self) -> impl Iterator<Item = (PageNo, &Page)> {
        self.pages.iter().map(|(&number, page)| (number, page))
    }

    /// Returns the number of the page at position `index` modulo the number of pages.
    pub fn nth_page(&self, index: usize) -> Option<PageNo> {
        let count = self.pages.len().max(1);
        self.pages.keys().nth(index % count).copied()
    }

    /// Returns how many pages have been touched.
    pub fn touched(&self) -> u64 {
        self.pages.values().filter(|page| page.touched).count() as u64
    }

    /// Returns whether all pages lie in user memory.
    pub fn allows(&self, pages: PageRange) -> bool {
        pages.end <= self.top.page()
    }

    /// Returns whether pages could be mapped: they lie in user memory, and none is mapped.
    pub fn fits(&self, pages: PageRange) -> bool {
        self.allows(pages) && self.pages.range(pages.start..pages.end).next().is_none()
    }

    /// Returns whether all pages are mapped.
    pub fn covers(&self, pages: PageRange) -> bool {
        self.pages.range(pages.start..pages.end).count() as u64 == pages.len()
    }

    /// Returns whether the permissions of pages may be changed: the pages lie in user memory and
    /// are mapped, and no file becomes writable through a mapping that must not write it.
    pub fn may_protect(&self, pages: PageRange, permissions: Permissions) -> bool {
        let mut there = self.pages.range(pages.start..pages.end);
        let forbids = |page: &Page| {
            let map = page.view().map(View::map);
            map.is_some_and(|map| map.sharing == Sharing::SharedReadOnly)
        };
        self.allows(pages)
            && self.covers(pages)
            && !(permissions.contains(Permissions::WRITE) && there.any(|(_, page)| forbids(page)))
    }

    /// Returns the pages of files that are mapped shared in a range.
    pub fn shared_file_pages(&self, pages: PageRange) -> Vec<FilePage> {
        let there = self.pages.range(pages.start..pages.end);
        let shared = |(_, page): (_, &Page)| {
            page.view()
                .filter(|view| view.map().sharing.is_shared())
                .map(View::page)
        };
        there.filter_map(shared).collect()
    }

    /// Changes the permissions of pages.
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

    /// Maps pages of zeros that are shared with future children.
    pub fn map_shared(&mut self, pages: PageRange, permissions: Permissions) {
        self.add(pages, permissions, true, |_| Origin::Family);
    }

    /// Maps pages of a file.
    pub fn map_file(&mut self, pages: PageRange, permissions: Permissions, mapping: &Rc<Mapping>) {
        let promised =
            !mapping.map().sharing.is_shared() && permissions.contains(Permissions::WRITE);
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

    /// Unmaps all pages in the range.
    pub fn unmap(&mut self, pages: PageRange) {
        self.pages.retain(|&page, _| !pages.contains(page));
    }

    /// Returns the model of a child. Only shared pages are promised to it.
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
