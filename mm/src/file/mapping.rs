//! File mappings: where a file is mapped, for the reverse map of its pages.

use core::fmt;

use sync::{Counted, LeafLock};

use super::{FileMap, FileNo, FilePage, Sharing};
use crate::addr::{FrameNo, PageNo};
use crate::commit::NoMemory;
use crate::list::{Linked, Links, List};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{Pte, UserPage, UserRange};
use crate::rmap::{FamilyNo, Leaf};

/// A file mapping: what one call of `mmap` or `exec` has mapped, as far as it is still mapped in
/// the family.
pub(super) struct Mapping {
    map: FileMap,
    family: FamilyNo,
    pages: UserRange,
    /// The links in the list of its file, and later in the list of the departed.
    links: LeafLock<Links<Self>>,
}

impl Linked for Mapping {
    fn links(&self) -> &LeafLock<Links<Self>> {
        &self.links
    }
}

/// An area's handle to a file mapping. When the last handle is dropped, the mapping departs.
pub(crate) struct Mapped {
    mapping: Counted<Mapping>,
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.mapping.map)
    }
}

impl Mapped {
    /// Returns the file and the pages that were mapped.
    pub(crate) fn map(&self) -> &FileMap {
        &self.mapping.map
    }

    /// Returns the page of the file that the mapping has at `page`.
    pub(crate) fn file_page(&self, page: PageNo) -> FilePage {
        self.mapping.file_page(page)
    }
}

impl Mapping {
    fn file_page(&self, page: PageNo) -> FilePage {
        let first = self.map.first;
        FilePage {
            index: first.index + (page.0 - self.pages.start.0) as u32,
            ..first
        }
    }

    /// Returns the address at which a page of the file is mapped, if this mapping has it.
    fn page_of(&self, index: u32) -> Option<UserPage> {
        let distance = index.checked_sub(self.map.first.index)?;
        self.pages.page(self.pages.start.plus(distance.into()))
    }
}

const LISTS: usize = 64;

/// All file mappings. A mapping is in the list that its file's number selects, and after its end in
/// the list of the departed.
pub(super) struct Mappings {
    lists: [List<Mapping>; LISTS],
    departed: List<Mapping>,
}

impl Mappings {
    pub(super) fn new() -> Self {
        Self {
            lists: core::array::from_fn(|_| List::new()),
            departed: List::new(),
        }
    }

    fn list(&self, file: FileNo) -> &List<Mapping> {
        &self.lists[file.0 as usize % LISTS]
    }

    fn for_each(&self, file: FileNo, mut visit: impl FnMut(&Mapping)) {
        self.list(file).for_each(|mapping| {
            if mapping.map.first.file == file {
                visit(mapping);
            }
        });
    }
}

impl<M: Machine> Memory<M> {
    /// Notes that a file is mapped at these pages of a family. Returns the first handle.
    pub(crate) fn note_mapping(
        &self,
        family: FamilyNo,
        pages: UserRange,
        map: FileMap,
    ) -> Result<Counted<Mapped>, NoMemory> {
        self.may_allocate()?;
        let mapping = Counted::try_new(Mapping {
            map,
            family,
            pages,
            links: Links::new(),
        })?;
        self.may_allocate()?;
        let mapped = Counted::try_new(Mapped {
            mapping: mapping.clone(),
        })?;
        self.files.mappings.list(map.first.file).join(&mapping);
        Ok(mapped)
    }

    /// Ends a mapping to which no area has a handle.
    pub(crate) fn end_mapping(&self, mapped: &Mapped) {
        let mapping = &mapped.mapping;
        let mappings = &self.files.mappings;
        mappings.list(mapping.map.first.file).leave(mapping);
        mappings.departed.join(mapping);
    }

    /// Returns a file of which a mapping has ended, once for each mapping. The kernel may then drop
    /// the reference that it held for the mapping.
    pub fn take_departed(&self) -> Option<FileNo> {
        let mapping = self.files.mappings.departed.take_any()?;
        Some(mapping.map.first.file)
    }

    /// Returns whether some process runs the program in a file. The file must not be changed then.
    pub fn is_running(&self, file: FileNo) -> bool {
        let mut running = false;
        self.files.mappings.for_each(file, |mapping| {
            running |= mapping.map.sharing == Sharing::Program
        });
        running
    }

    /// Calls `visit` with every entry that maps a page of a file to a frame, and with the entry's
    /// page. `visit` runs under locks.
    pub(crate) fn for_each_file_mapping(
        &self,
        page: FilePage,
        frame: FrameNo,
        mut visit: impl FnMut(&Leaf<'_, '_, M::Format>, UserPage, Pte<M::Format>),
    ) {
        self.files.mappings.for_each(page.file, |mapping| {
            let Some(at) = mapping.page_of(page.index) else {
                return;
            };
            self.for_each_leaf(mapping.family, at, |leaf| {
                if let Some(pte) = leaf.mapping(at, frame) {
                    visit(leaf, at, pte);
                }
            });
        });
    }

    /// Makes all harts forget all translations of the families that map a file.
    pub(crate) fn flush_file(&self, file: FileNo) {
        let mut last = None;
        loop {
            // No fence is waited for under the lock of a list. Each turn of the loop flushes the
            // next families, in the order of their numbers.
            let mut families = [None; 16];
            self.files.mappings.for_each(file, |mapping| {
                if last.is_none_or(|last| mapping.family > last) {
                    insert(&mut families, mapping.family);
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

/// Inserts a number into an ascending list without duplicates. If the list is full, the largest
/// number is dropped.
fn insert<T: Copy + Ord>(sorted: &mut [Option<T>], mut number: T) {
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
