//! Mapped files and the page cache: what programs see (`mapping`), which pages are cached
//! (`cache`), concurrent changes (`changes`), what is written back when a mapping ends (`ending`),
//! and audits (`audits`).

mod audits;
mod cache;
mod changes;
mod ending;
mod mapping;

use abi::MemCounter;

use super::*;
use crate::file::{FileMap, FileNo, FilePage, Sharing};
use crate::testing::{counter, make_free, write_file};

pub const FILE: FileNo = FileNo(7);

pub fn page_of(file: FileNo, index: u32) -> FilePage {
    FilePage { file, index }
}

pub fn whole(file: FileNo, sharing: Sharing) -> FileMap {
    FileMap {
        first: page_of(file, 0),
        sharing,
    }
}

/// Makes a file of `pages` pages, each filled with its number plus one.
pub fn make_file(memory: &'static Memory<FakeMachine>, file: FileNo, count: usize) {
    for index in 0..count {
        write_file(
            memory,
            file,
            index * PAGE_SIZE,
            &[index as u8 + 1; PAGE_SIZE],
        );
    }
}

/// Returns a published space with `count` pages of the file from address 0.
pub fn mapping(memory: &'static Memory<FakeMachine>, count: u64, sharing: Sharing) -> Space {
    let mut space = AddressSpace::new(memory).unwrap();
    space
        .map_file(pages(0, count), data(), whole(FILE, sharing), None)
        .unwrap();
    space.publish();
    space
}

/// Evicts every cached page, which also frees the frames that the pages cost.
pub fn empty_cache(memory: &'static Memory<FakeMachine>) {
    while make_free(memory, 8) != 0 {}
    assert_eq!(counter(memory, MemCounter::FileCache), 0);
}
