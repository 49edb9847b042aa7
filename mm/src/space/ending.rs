//! Ending mappings: pages that were stored to through a shared mapping are written back first.
//!
//! `munmap`, `mmap` over other mappings, a shrinking heap, `exec` and `exit` end mappings. Each of
//! them must have shared pages of files written back before it returns, and `mm` cannot write (R8).
//! Every such operation therefore takes an [`Ending`] and fails with [`MapError::Unwritten`] until
//! all pages that are mapped shared were reported. The kernel writes those back and repeats the
//! call. A page is reported once, so a page that cannot be written does not keep the mapping from
//! ending.
//!
//! Neighbours: [`super::unmap`] and `map` call [`AddressSpace::part`] before they change anything.

use super::{AddressSpace, MapError};
use crate::addr::{PageNo, PageRange};
use crate::file::SharedPages;
use crate::machine::Machine;
use crate::pt::UserRange;

/// How far the pages of one operation were reported for write-back.
#[derive(Debug)]
pub struct Ending {
    next: PageNo,
}

impl Ending {
    /// Returns the state at the beginning of an operation: nothing was reported.
    #[expect(
        clippy::new_without_default,
        reason = "it is the beginning of a call, not a value"
    )]
    pub const fn new() -> Self {
        Self { next: PageNo(0) }
    }
}

impl<M: Machine> AddressSpace<'_, M> {
    /// Returns `Ok` if the space may be dropped, which ends all its mappings.
    ///
    /// # Errors
    /// [`MapError::Unwritten`] while there are pages to be written back.
    pub fn end(&self, ending: &mut Ending) -> Result<(), MapError> {
        self.part(UserRange::all::<M::Format>(), ending)
    }

    /// Returns `Ok` if the mappings of these pages may end: all their shared pages of files were
    /// reported.
    pub(super) fn part(&self, pages: UserRange, ending: &mut Ending) -> Result<(), MapError> {
        match self.shared_file_pages(*pages.from(ending.next)) {
            Some(shared) => {
                ending.next = shared.next;
                Err(MapError::Unwritten(shared))
            }
            None => Ok(()),
        }
    }

    /// Returns the first run of pages in the range that are mapped shared from a file, or `None`.
    pub fn shared_file_pages(&self, pages: PageRange) -> Option<SharedPages> {
        self.areas.within(pages).find_map(|area| {
            let cut = area.pages.intersect(pages);
            let mapped = area
                .file()
                .filter(|mapped| mapped.map().sharing.is_shared())?;
            Some(SharedPages {
                first: mapped.file_page(cut.start),
                count: cut.len() as u32,
                next: cut.end,
            })
        })
    }
}
