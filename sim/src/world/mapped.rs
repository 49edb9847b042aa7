//! Steps on mappings of files.

use mm::addr::{PageNo, PageRange};
use mm::file::{FileMap, FilePage, SharedPages, Sharing};
use mm::pt::Permissions;
use mm::space::{Ending, MapError};

use super::{Divergence, Process, Space, World};
use crate::file::{FILES, Mapping, PAGES};
use crate::isa::Isa;
use crate::model::Model;
use crate::walker::Touch;

impl<'m, I: Isa> World<'m, I> {
    pub(super) fn map_file(
        &self,
        process: &Process<'m, I>,
        pages: PageRange,
        permissions: Permissions,
        mut map: FileMap,
        over: bool,
    ) {
        if map.first.index < PAGES {
            map.first.index %= self.files.pages;
        }
        let body = |space: &mut Space<'m, I>, ending: &mut Ending| {
            space.map_file(pages, permissions, map, over.then_some(ending))
        };
        self.ending(process, pages, body, |result, model| {
            let forbidden = !map.sharing.permits(permissions);
            let numbered = u64::from(map.first.index) + pages.len() <= u32::MAX.into();
            let possible = !pages.is_empty() && !forbidden && numbered && model.allows(pages);
            let fits = possible && (over || model.fits(pages));
            if self.agrees(result, fits, || {
                format!("map {map:?} at {pages:?}, over {over}")
            }) {
                model.unmap(pages);
                let mapping = Mapping::new(self.file(map.first.file).clone(), map);
                model.map_file(pages, permissions, &mapping);
            }
        });
    }

    /// Maps a page of a file, stores to it and unmaps it.
    pub(super) fn visit(&self, process: &Process<'m, I>, at: PageNo, first: FilePage) {
        let map = FileMap {
            first,
            sharing: Sharing::Shared,
        };
        let pages = PageRange::one(at);
        self.map_file(process, pages, Permissions::WRITE, map, true);
        self.touch(process, at.address(), Touch::Store);
        self.unmap(process, pages);
    }

    /// Runs an operation that ends the mappings of some pages, and calls `compare` to compare the
    /// result with the model. Writes back the pages that `mm` has named before it ended the
    /// mappings. Those must be all pages that the process maps shared there; otherwise a store
    /// would be lost. Does nothing if the space is locked.
    pub(super) fn ending<R>(
        &self,
        process: &Process<'m, I>,
        pages: PageRange,
        body: impl FnMut(&mut Space<'m, I>, &mut Ending) -> Result<R, MapError>,
        compare: impl FnOnce(Result<R, MapError>, &mut Model),
    ) {
        let Ok(mut space) = process.space.try_borrow_mut() else {
            return;
        };
        let Some(there) = space.as_mut() else { return };
        let owed = process.model.borrow().shared_file_pages(pages);
        let (result, named) = named(there, body);
        if result.is_ok() {
            self.check_named(pages, &named, &owed);
        }
        compare(result, &mut process.model.borrow_mut());
        drop(space);
        self.write_named_back(named);
    }

    /// Checks that the pages named by `mm` are those that the model has mapped shared.
    pub(super) fn check_named(&self, pages: PageRange, named: &[FilePage], owed: &[FilePage]) {
        if named != owed {
            self.diverge(|| format!("the end of {pages:?} owes {owed:?}, and names {named:?}"));
        }
    }

    pub(super) fn write_named_back(&self, named: Vec<FilePage>) {
        for page in named {
            self.write_back(page);
        }
    }

    /// `msync`: writes back the pages that the process maps shared.
    pub(super) fn sync(&self, process: &Process<'m, I>, pages: PageRange) {
        let mut found = Vec::new();
        {
            let Ok(space) = process.space.try_borrow() else {
                return;
            };
            let Some(space) = space.as_ref() else { return };
            let mut rest = pages;
            while let Some(some) = space.shared_file_pages(rest) {
                found.extend(pages_of(some));
                rest.start = some.next;
            }
        }
        let expected = process.model.borrow().shared_file_pages(pages);
        if found != expected {
            self.diverge(|| format!("msync of {pages:?} finds {found:?}, not {expected:?}"));
        }
        for page in found {
            self.write_back(page);
        }
    }

    /// Checks that the memory system and the model agree on the mappings of files.
    pub(super) fn check_mappings(&self) -> Result<(), Divergence> {
        let departed: Vec<_> = std::iter::from_fn(|| self.memory.take_departed()).collect();
        for number in FILES {
            let file = self.file(number);
            let told = departed.iter().filter(|&&file| file == number).count();
            let ended = file.take_departed() as usize;
            if told != ended {
                return Err(format!(
                    "{ended} mappings of {file:?} have ended, not {told}"
                ));
            }
            let running = file.is_running();
            if self.memory.is_running(number) != running {
                return Err(format!("{file:?} is a running program: {running}"));
            }
        }
        Ok(())
    }
}

/// Repeats an operation that ends mappings for as long as it names pages to be written back.
/// Returns those pages.
pub(super) fn named<S, R>(
    space: &mut S,
    mut body: impl FnMut(&mut S, &mut Ending) -> Result<R, MapError>,
) -> (Result<R, MapError>, Vec<FilePage>) {
    let mut ending = Ending::new();
    let mut named = Vec::new();
    loop {
        match body(space, &mut ending) {
            Err(MapError::Unwritten(some)) => named.extend(pages_of(some)),
            result => return (result, named),
        }
    }
}

fn pages_of(some: SharedPages) -> impl Iterator<Item = FilePage> {
    let indices = some.indices();
    indices.map(move |index| FilePage {
        index,
        ..some.first
    })
}
