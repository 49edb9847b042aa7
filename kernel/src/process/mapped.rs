//! What a process has mapped of files: writing it back, and letting go.

use mm::file::{FilePage, SharedPages};
use mm::space::{Ending, MapError};
use sync::{Held, level};

use super::{Process, pager};
use crate::file::cached;

/// Writes back what anybody has stored in pages of a file. What could not be written stays dirty;
/// then the answer is an error.
pub fn write_back(
    pages: SharedPages,
    held: &mut Held<level::Standstill>,
) -> Result<(), fs::FsError> {
    let indices = pages.indices();
    let mut result = Ok(());
    for index in indices.start..indices.end.min(cached::FILE_PAGES_MOST) {
        let page = FilePage {
            index,
            ..pages.first
        };
        result = result.and(cached::write_back(page, held));
    }
    pager::note_written();
    result
}

/// Does `attempt`, which may end mappings, again for as long as pages are to be written back first.
/// This is the one way in which `mmap`, `munmap`, `sbrk`, `exec` and `exit` end them.
pub fn ending<T>(
    held: &mut Held<level::Standstill>,
    mut attempt: impl FnMut(&mut Ending, &mut Held<level::Standstill>) -> Result<T, MapError>,
) -> Result<T, MapError> {
    let mut ending = Ending::new();
    loop {
        match attempt(&mut ending, held) {
            // What cannot be written stays in the cache, and has been told to people.
            Err(MapError::Unwritten(pages)) => drop(write_back(pages, held)),
            result => return result,
        }
    }
}

/// Gets the whole space of a process ready to be dropped.
pub fn end_all(process: &Process, held: &mut Held<level::Standstill>) {
    let ended = ending(held, |ending, held| match &*process.space.lock(held) {
        Some(space) => space.end(ending),
        None => Ok(()),
    });
    debug_assert_eq!(ended, Ok(()), "what is written back can end");
}
