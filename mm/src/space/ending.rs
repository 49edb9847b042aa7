//! The one way to end mappings: what was stored in files through them is written back first.
//!
//! `munmap`, `mmap` over something, a shrinking break, `exec` and `exit` end mappings. Each of them
//! owes shared mappings of files a write-back before it returns, and `mm` cannot write (R8). So
//! whatever ends mappings takes an [`Ending`] and answers [`MapError::Unwritten`] until all pages
//! that are mapped shared have been named: the kernel writes those back and calls again. A page
//! that cannot be written is not named twice, so an error of the device ends nothing but the hope.
//!
//! Neighbours: [`super::unmap`] and `map` call [`AddressSpace::part`] before they change anything.

use super::{AddressSpace, MapError};
use crate::addr::{PageNo, PageRange};
use crate::file::SharedPages;
use crate::machine::Machine;
use crate::pt::UserRange;

/// How far the pages are named that one call owes a write-back.
#[derive(Debug)]
pub struct Ending {
    next: PageNo,
}

impl Ending {
    /// None is named yet.
    #[expect(
        clippy::new_without_default,
        reason = "it is the beginning of a call, not a value"
    )]
    pub const fn new() -> Self {
        Self { next: PageNo(0) }
    }
}

impl<M: Machine> AddressSpace<'_, M> {
    /// Answers whether the space may be dropped: all that it maps ends with it.
    ///
    /// # Errors
    /// [`MapError::Unwritten`], as long as there are pages to be written back.
    pub fn end(&self, ending: &mut Ending) -> Result<(), MapError> {
        self.part(UserRange::all::<M::Format>(), ending)
    }

    /// Refuses to end the mappings of these pages until what is stored through them is named.
    pub(super) fn part(&self, pages: UserRange, ending: &mut Ending) -> Result<(), MapError> {
        match self.shared_file_pages(*pages.from(ending.next)) {
            Some(shared) => {
                ending.next = shared.next;
                Err(MapError::Unwritten(shared))
            }
            None => Ok(()),
        }
    }

    /// Returns the first pages in the range that are mapped shared from a file. Returns none if
    /// there is no further.
    pub fn shared_file_pages(&self, pages: PageRange) -> Option<SharedPages> {
        self.areas.within(pages).find_map(|area| {
            let cut = area.pages.intersect(pages);
            let mapped = area.file().filter(|mapped| mapped.map().shared)?;
            Some(SharedPages {
                first: mapped.file_page(cut.start),
                count: cut.len() as u32,
                next: cut.end,
            })
        })
    }
}
