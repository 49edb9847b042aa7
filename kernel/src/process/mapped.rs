//! The mapped files of a process: writing their pages back, and ending their mappings.

use mm::file::{FilePage, SharedPages};
use mm::space::{Ending, MapError};
use sync::{Held, level};

use super::{Process, pager};
use crate::file::cached;

/// Writes back the dirty pages of a file, whichever process stored to them. A page that cannot be
/// written stays dirty, and the result is then an error.
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

/// Runs `attempt`, which may end mappings. Writes back the pages it reports and repeats it until it
/// succeeds or fails otherwise. `mmap`, `munmap`, `sbrk`, `exec` and `exit` end mappings only in
/// this way.
pub fn ending<T>(
    held: &mut Held<level::Standstill>,
    mut attempt: impl FnMut(&mut Ending, &mut Held<level::Standstill>) -> Result<T, MapError>,
) -> Result<T, MapError> {
    let mut ending = Ending::new();
    loop {
        match attempt(&mut ending, held) {
            // A page that cannot be written stays in the cache. The error has been printed.
            Err(MapError::Unwritten(pages)) => drop(write_back(pages, held)),
            result => return result,
        }
    }
}

/// Prepares the whole address space of a process for being dropped.
pub fn end_all(process: &Process, held: &mut Held<level::Standstill>) {
    let ended = ending(held, |ending, held| match &*process.space.lock(held) {
        Some(space) => space.end(ending),
        None => Ok(()),
    });
    debug_assert_eq!(ended, Ok(()), "what is written back can end");
}
