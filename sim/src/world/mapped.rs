//! Mappings of files.

use mm::addr::{PageNo, PageRange};
use mm::file::{FileMap, FilePage};
use mm::pt::Permissions;

use super::{Divergence, Process, World};
use crate::file::{FILES, Mapping, PAGES};
use crate::walker::Touch;

impl<'m> World<'m> {
    pub(super) fn map_file(
        &self,
        process: &Process<'m>,
        pages: PageRange,
        permissions: Permissions,
        mut map: FileMap,
        over: bool,
    ) {
        if map.first.index < PAGES {
            map.first.index %= self.files.pages;
        }
        let Ok(mut space) = process.space.try_borrow_mut() else {
            return;
        };
        let Some(space) = space.as_mut() else { return };
        let result = space.map_file(pages, permissions, map, over);
        let model = &mut *process.model.borrow_mut();
        let forbidden = map.shared && !map.writable && permissions.contains(Permissions::WRITE);
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
    }

    /// A program that has something to store in a file, and nothing else to do with it.
    pub(super) fn visit(&self, process: &Process<'m>, at: PageNo, first: FilePage) {
        let map = FileMap {
            first,
            shared: true,
            writable: true,
            program: false,
        };
        let pages = PageRange::one(at);
        self.map_file(process, pages, Permissions::WRITE, map, true);
        self.touch(process, at.address(), Touch::Store);
        self.unmap(process, pages);
    }

    /// `msync`: of the pages that the process maps shared.
    pub(super) fn sync(&self, process: &Process<'m>, pages: PageRange) {
        let mut found = Vec::new();
        {
            let Ok(space) = process.space.try_borrow() else {
                return;
            };
            let Some(space) = space.as_ref() else { return };
            let mut rest = pages;
            while let Some(some) = space.shared_file_pages(rest) {
                let file = some.file;
                found.extend(some.indices.map(|index| FilePage { file, index }));
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

    /// Returns whether the memory system says of mappings what the model says.
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
