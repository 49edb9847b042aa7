//! Shortage of memory while programs store to pages of files all the time.
//!
//! A promise must be kept even then: pages can be written back and evicted, however soon they are
//! dirty again ([`mm::Retry`]). Neighbours: [`super::swap`] frees frames; [`super::touch`] checks
//! whether a program may be told that there is no memory.

use mm::addr::{PageNo, PageRange};
use mm::file::{FileMap, FilePage, Sharing};
use mm::pt::Permissions;
use mm::space::Access;

use super::harts::DEPTH;
use super::{Process, World};
use crate::file::PAGES;
use crate::isa::Isa;
use crate::machine::WORD;
use crate::model::Page;
use crate::step::{Action, Place};
use crate::walker::Touch;

/// The size of the kernel's objects: half a page, so that few frames are left.
const OBJECT: usize = 2048;

impl<'m, I: Isa> World<'m, I> {
    /// Makes the kernel allocate all memory that it can get, while a process stores to a file and
    /// then touches its promised pages.
    pub(super) fn squeeze(&self, process: &Process<'m, I>, at: PageNo, first: FilePage) {
        let map = FileMap {
            first: FilePage { index: 0, ..first },
            sharing: Sharing::Shared,
        };
        let pages = PageRange::new(at, at.plus(PAGES.into()));
        let data = Permissions::READ | Permissions::WRITE;
        self.map_file(process, pages, data, map, true);
        self.store_to(process, |page| page.view().is_some());
        let taken: Vec<_> =
            std::iter::from_fn(|| self.memory.allocate_object(OBJECT, WORD).ok()).collect();
        self.store_to(process, |page| page.is_due(Access::Write));
        for object in taken {
            self.memory.free_object(object, OBJECT, WORD);
        }
    }

    /// Makes the program store to all pages for which `kind` is true.
    fn store_to(&self, process: &Process<'m, I>, kind: impl Fn(&Page) -> bool) {
        for page in pages_of(process, kind) {
            self.touch(process, page.address(), Touch::Store);
        }
    }

    /// Makes programs on idle harts store to the pages of files that they have mapped, as a program
    /// that is faster than the disk does between two rounds of reclaim.
    pub(super) fn dirty_again(&self) {
        if !self.crowded.get() || self.depth.get() > DEPTH {
            return;
        }
        for hart in 0..self.harts() {
            let idle = self.busy.get() >> hart & 1 == 0;
            let Some(process) = self.process_on(hart).filter(|_| idle) else {
                continue;
            };
            for page in pages_of(&process, |page| page.view().is_some()) {
                let present = match process.space.try_borrow() {
                    Ok(space) => space
                        .as_ref()
                        .is_some_and(|space| space.page_info(page).is_present()),
                    Err(_) => false,
                };
                if present {
                    self.act(hart, Action::Store(Place::At(page.address())));
                }
            }
        }
    }
}

/// Returns the writable pages of a process for which `kind` is true.
fn pages_of<I: Isa>(process: &Process<'_, I>, kind: impl Fn(&Page) -> bool) -> Vec<PageNo> {
    let model = process.model.borrow();
    let pages = model.pages();
    let found = pages.filter(|(_, page)| page.allows::<I>(Access::Write) && kind(page));
    found.map(|(number, _)| number).collect()
}
