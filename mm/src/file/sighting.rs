//! Where files are mapped.

use core::fmt;

use sync::{Counted, LeafLock};

use super::{FileMap, FileNo, FilePage};
use crate::addr::{FrameNo, PageNo};
use crate::commit::NoMemory;
use crate::list::{Linked, Links, List};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{UserPage, UserRange};
use crate::rmap::Leaf;

/// Where a file is mapped: what one call of `mmap` or `exec` has made, and what is left of it in the whole family.
pub(super) struct Sighting {
    map: FileMap,
    family: u32,
    pages: UserRange,
    /// In the list of the file and, later, in that of the departed.
    links: LeafLock<Links<Self>>,
}

impl Linked for Sighting {
    fn links(&self) -> &LeafLock<Links<Self>> {
        &self.links
    }
}

/// What areas have of a sighting. With the last handle, it departs.
pub(crate) struct Mapped {
    sighting: Counted<Sighting>,
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.sighting.map)
    }
}

impl Mapped {
    /// What was mapped.
    pub(crate) fn map(&self) -> &FileMap {
        &self.sighting.map
    }

    /// Which page of the file is at a page of the mapping.
    pub(crate) fn file_page(&self, page: PageNo) -> FilePage {
        self.sighting.file_page(page)
    }
}

impl Sighting {
    fn file_page(&self, page: PageNo) -> FilePage {
        let first = self.map.first;
        FilePage {
            index: first.index + (page.0 - self.pages.start.0) as u32,
            ..first
        }
    }

    /// Where a page of the file is, if it is mapped here.
    fn page_of(&self, index: u32) -> Option<UserPage> {
        let distance = index.checked_sub(self.map.first.index)?;
        self.pages.page(self.pages.start.plus(distance.into()))
    }
}

const LISTS: usize = 64;

/// All sightings: each in the list that its file's number says, or, when it has gone, among the departed.
pub(super) struct Sightings {
    lists: [List<Sighting>; LISTS],
    departed: List<Sighting>,
}

impl Sightings {
    pub(super) fn new() -> Self {
        Self {
            lists: core::array::from_fn(|_| List::new()),
            departed: List::new(),
        }
    }

    fn list(&self, file: FileNo) -> &List<Sighting> {
        &self.lists[file.0 as usize % LISTS]
    }

    fn for_each(&self, file: FileNo, mut visit: impl FnMut(&Sighting)) {
        self.list(file).for_each(|sighting| {
            if sighting.map.first.file == file {
                visit(sighting);
            }
        });
    }
}

impl<M: Machine> Memory<M> {
    /// Says that a file is mapped at these pages of a family.
    pub(crate) fn note_mapping(
        &self,
        family: u32,
        pages: UserRange,
        map: FileMap,
    ) -> Result<Counted<Mapped>, NoMemory> {
        self.may_allocate()?;
        let sighting = Counted::try_new(Sighting {
            map,
            family,
            pages,
            links: Links::new(),
        })?;
        self.may_allocate()?;
        let mapped = Counted::try_new(Mapped {
            sighting: sighting.clone(),
        })?;
        self.files.sightings.list(map.first.file).join(&sighting);
        Ok(mapped)
    }

    /// Ends a mapping that no area has any more.
    pub(crate) fn end_mapping(&self, mapped: &Mapped) {
        let sighting = &mapped.sighting;
        let sightings = &self.files.sightings;
        sightings.list(sighting.map.first.file).leave(sighting);
        sightings.departed.join(sighting);
    }

    /// A file of which a mapping has ended, once for each that has: the kernel may let go of what it held for it.
    pub fn take_departed(&self) -> Option<FileNo> {
        let sighting = self.files.sightings.departed.take_any()?;
        Some(sighting.map.first.file)
    }

    /// Whether some process runs the program in a file, so that the file must not be changed under it.
    pub fn is_running(&self, file: FileNo) -> bool {
        let mut running = false;
        self.files
            .sightings
            .for_each(file, |sighting| running |= sighting.map.program);
        running
    }

    /// Visits every entry that maps a page of a file to a frame: where, and what it says. Inside, there are locks.
    pub(crate) fn for_each_file_mapping(
        &self,
        page: FilePage,
        frame: FrameNo,
        mut visit: impl FnMut(&Leaf<'_, '_>, UserPage, u64),
    ) {
        self.files.sightings.for_each(page.file, |sighting| {
            let Some(at) = sighting.page_of(page.index) else {
                return;
            };
            self.for_each_leaf(sighting.family, at, |leaf| {
                if let Some(word) = leaf.mapping::<M::Format>(at, frame) {
                    visit(leaf, at, word);
                }
            });
        });
    }

    /// Makes all harts forget what they know of the families that map a file.
    pub(crate) fn flush_file(&self, file: FileNo) {
        let mut last = None;
        loop {
            // No fence is waited for under the lock of a list: the next families, in the order of their numbers.
            let mut families = [None; 16];
            self.files.sightings.for_each(file, |sighting| {
                if last.is_none_or(|last| sighting.family > last) {
                    insert(&mut families, sighting.family);
                }
            });
            for family in families.into_iter().flatten() {
                self.note_family(family);
            }
            self.flush_families(families.into_iter().flatten());
            last = families[15];
            if last.is_none() {
                return;
            }
        }
    }
}

/// Puts a number where it belongs in an ascending list without doubles, from which the largest falls if there is no room.
fn insert(sorted: &mut [Option<u32>], mut number: u32) {
    for place in sorted {
        match *place {
            Some(there) if there < number => {}
            Some(there) if there == number => return,
            Some(there) => {
                *place = Some(number);
                number = there;
            }
            None => {
                *place = Some(number);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::insert;

    #[test]
    fn the_smallest_stay_each_once() {
        let mut sorted = [None; 3];
        for number in [5, 3, 5, 9, 3, 4, 1, 9] {
            insert(&mut sorted, number);
        }
        assert_eq!(sorted, [Some(1), Some(3), Some(4)]);
    }
}
