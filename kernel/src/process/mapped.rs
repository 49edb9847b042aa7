//! What a process has mapped of files: writing it back, and letting go.

use mm::addr::{PageNo, PageRange, VirtAddr};
use mm::file::FilePage;
use sync::{Held, level};

use super::{Process, pager};
use crate::file::cached;

/// All addresses of a program.
pub fn everywhere() -> PageRange {
    PageRange::new(PageNo(0), VirtAddr(abi::USER_TOP).page())
}

/// Writes back what the process, and anybody else, has stored in pages of files that it maps shared in this range. What could not be written
/// stays dirty; then the answer is an error.
pub fn write_back(
    process: &Process,
    mut pages: PageRange,
    held: &mut Held<level::Standstill>,
) -> Result<(), fs::FsError> {
    let mut result = Ok(());
    while let Some(next) = {
        let space = process.space.lock(held);
        space
            .as_ref()
            .and_then(|space| space.shared_file_pages(pages))
    } {
        let end = next.indices.end.min(cached::FILE_PAGES_MOST);
        for index in next.indices.start..end {
            let page = FilePage {
                file: next.file,
                index,
            };
            result = result.and(cached::write_back(page, held));
        }
        pager::note_written();
        pages.start = next.next;
    }
    result
}
