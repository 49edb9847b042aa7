//! Steps that change or report the areas of a process.

use abi::{PAGE_SIZE, PageInfo, ProcCounter};
use mm::addr::{PageNo, PageRange, VirtAddr};
use mm::pt::Permissions;
use mm::space::{Ending, MapError, Promise};

use super::{Process, Space, World};
use crate::isa::Isa;
use crate::machine::WORD;
use crate::model::Page;
use crate::step::HEAP_PAGES;

impl<'m, I: Isa> World<'m, I> {
    /// Maps pages; `over` says whether in place of other mappings.
    pub(super) fn map(
        &self,
        process: &Process<'m, I>,
        pages: PageRange,
        permissions: Permissions,
        promise: Promise,
        over: bool,
    ) {
        let body = |space: &mut Space<'m, I>, ending: &mut Ending| match over {
            true => space.map_over(pages, permissions, promise, ending),
            false => space.map(pages, permissions, promise),
        };
        self.ending(process, pages, body, |result, model| {
            let fits = model.allows(pages) && (over || model.fits(pages));
            if self.agrees(result, fits, || format!("map {pages:?}, over {over}")) {
                model.unmap(pages);
                model.map(pages, permissions, promise);
            }
        });
    }

    pub(super) fn map_shared(
        &self,
        process: &Process<'m, I>,
        pages: PageRange,
        permissions: Permissions,
        over: bool,
    ) {
        let body = |space: &mut Space<'m, I>, ending: &mut Ending| {
            space.map_shared(pages, permissions, over.then_some(ending))
        };
        self.ending(process, pages, body, |result, model| {
            let possible = !pages.is_empty() && model.allows(pages);
            let fits = possible && (over || model.fits(pages));
            if self.agrees(result, fits, || format!("map {pages:?} shared")) {
                model.unmap(pages);
                model.map_shared(pages, permissions);
            }
        });
    }

    pub(super) fn protect(
        &self,
        process: &Process<'m, I>,
        pages: PageRange,
        permissions: Permissions,
    ) {
        let Ok(mut space) = process.space.try_borrow_mut() else {
            return;
        };
        let Some(space) = space.as_mut() else { return };
        process.protecting.set(Some((pages, permissions)));
        let result = space.protect(pages, permissions);
        process.protecting.set(None);
        let model = &mut *process.model.borrow_mut();
        let possible = model.may_protect(pages, permissions);
        if self.agrees(result, possible, || format!("protect {pages:?}")) {
            model.protect(pages, permissions);
        }
    }

    pub(super) fn grow(&self, process: &Process<'m, I>, bytes: u64, promise: Promise) {
        let Ok(mut space) = process.space.try_borrow_mut() else {
            return;
        };
        let Some(space) = space.as_mut() else { return };
        let old = process.model.borrow().heap_break;
        let new = old.0.checked_add(bytes).map(VirtAddr);
        if new.is_some_and(|new| new.page_up().0 > HEAP_PAGES && new.0 < 1 << 40) {
            return;
        }
        let result = space.grow(bytes, promise);
        let model = &mut *process.model.borrow_mut();
        let pages = new.map(|new| PageRange::new(old.page_up(), new.page_up()));
        let fits = pages.is_some_and(|pages| model.fits(pages));
        if self.agrees(result.map(drop), fits, || format!("grow by {bytes:#x}"))
            && let (Some(pages), Some(new)) = (pages, new)
        {
            model.map(pages, Permissions::READ | Permissions::WRITE, promise);
            model.heap_break = new;
        }
    }

    /// Checks the result of an operation. It must fail if the model says that it does not fit;
    /// otherwise it may fail only for lack of memory. Returns whether it succeeded.
    pub(super) fn agrees(
        &self,
        result: Result<(), MapError>,
        fits: bool,
        what: impl FnOnce() -> String,
    ) -> bool {
        match (result, fits) {
            (Ok(()), true) => true,
            (Err(MapError::BadRange), false) => false,
            (Err(MapError::NoMemory(_)), true) => {
                self.note_refusal(true);
                false
            }
            (result, fits) => {
                self.diverge(|| format!("{}: {result:?}, and it fits: {fits}", what()));
                false
            }
        }
    }

    pub(super) fn shrink(&self, process: &Process<'m, I>, bytes: u64) {
        let old = process.model.borrow().heap_break;
        let new = VirtAddr(old.0.saturating_sub(bytes));
        let cut = match bytes <= old.0 {
            true => PageRange::new(new.page_up(), old.page_up()),
            false => PageRange::new(PageNo(0), PageNo(0)),
        };
        let body = |space: &mut Space<'m, I>, ending: &mut Ending| space.shrink(bytes, ending);
        self.ending(process, cut, body, |result, model| {
            let Ok(old) = result else {
                return self.note_refusal(true);
            };
            if old != model.heap_break {
                self.diverge(|| format!("the break was {old:?}, not {:?}", model.heap_break));
            }
            model.unmap(cut);
            if bytes <= old.0 {
                model.heap_break = new;
            }
        });
    }

    pub(super) fn unmap(&self, process: &Process<'m, I>, pages: PageRange) {
        let body = |space: &mut Space<'m, I>, ending: &mut Ending| space.unmap(pages, ending);
        self.ending(process, pages, body, |result, model| {
            if self.agrees(result, model.allows(pages), || format!("unmap {pages:?}")) {
                model.unmap(pages);
            }
        });
    }

    /// Allocates kernel objects beside the programs' pages, and frees them.
    pub(super) fn objects(&self, size: usize, count: usize) {
        let taken: Vec<_> = (0..count)
            .map_while(|_| self.memory.allocate_object(size, WORD).ok())
            .collect();
        self.note_refusal(taken.len() < count);
        for object in taken {
            self.memory.free_object(object, size, WORD);
        }
    }

    /// Lends the idle page tables of a process. Its evicted pages, and no others, count as
    /// untouched then.
    pub(super) fn lend_tables(&self, process: &Process<'m, I>) {
        let Ok(mut space) = process.space.try_borrow_mut() else {
            return;
        };
        let Some(space) = space.as_mut() else { return };
        let evicted = PageInfo::SWAPPED | PageInfo::FILE_OR_SHARED;
        let model = process.model.borrow();
        let (forgettable, kept): (Vec<_>, Vec<_>) = model
            .pages()
            .filter(|(_, entry)| entry.touched)
            .map(|(page, _)| page)
            .partition(|&page| space.page_info(page).0 == evicted);
        // Other harts act meanwhile, perhaps on this process.
        drop(model);
        let lent = space.lend_idle_tables();
        self.count(|tally| tally.lent += lent);
        let model = &mut *process.model.borrow_mut();
        let is_forgotten = |page| space.page_info(page).0 == 0;
        if let Some(page) = kept.into_iter().find(|&page| is_forgotten(page)) {
            self.diverge(|| format!("page {:#x} went with an idle table", page.0));
        }
        for page in forgettable.into_iter().filter(|&page| is_forgotten(page)) {
            if let Some(entry) = model.page_mut(page) {
                entry.touched = false;
            }
        }
    }

    pub(super) fn inspect(&self, process: &Process<'m, I>) {
        let Ok(space) = process.space.try_borrow() else {
            return;
        };
        let Some(space) = space.as_ref() else { return };
        let model = process.model.borrow();
        let usage = space.usage();
        let bytes = |counter: ProcCounter| usage[counter as usize];
        let touched = model.touched() * PAGE_SIZE as u64;
        let resident = bytes(ProcCounter::Resident);
        if resident + bytes(ProcCounter::Swapped) != touched
            || bytes(ProcCounter::Unique) + bytes(ProcCounter::Shared) != resident
        {
            let swapped = bytes(ProcCounter::Swapped);
            self.diverge(|| {
                format!("{resident} bytes are resident and {swapped} in swap, not {touched}")
            });
        }
        for (page, entry) in model.pages() {
            self.compare(page, space.page_info(page), Some(entry));
        }
    }

    /// Checks the report of `pageinfo` on a page, which may be any page.
    pub(super) fn look(&self, process: &Process<'m, I>, address: VirtAddr) {
        let Ok(space) = process.space.try_borrow() else {
            return;
        };
        let Some(space) = space.as_ref() else { return };
        let page = address.page();
        let model = process.model.borrow();
        self.compare(page, space.page_info(page), model.page(page));
    }

    fn compare(&self, page: PageNo, info: PageInfo, entry: Option<&Page>) {
        let touched = info.0 & (PageInfo::PRESENT | PageInfo::SWAPPED) != 0;
        let others = info.0 & PageInfo::FILE_OR_SHARED != 0;
        let (is_touched, is_own) =
            entry.map_or((false, false), |entry| (entry.touched, entry.is_own()));
        if touched != is_touched || touched && others == is_own {
            self.diverge(|| format!("page {:#x}: {info:?}, but {entry:?}", page.0));
        }
    }
}
