//! Mappings of files: which process a page belongs to, which stores reach the file, and what the
//! kernel does with mapped pages.
//!
//! Each test works on one file, [`PATH`], which it makes and removes. The functions here make the
//! file and look at it with `read` and `write`, so that a test always compares a mapping with an
//! independent view.

pub mod behind;
pub mod forbidden;
pub mod kernel;
pub mod lasting;
pub mod parts;
pub mod private;
pub mod program;
pub mod shared;
pub mod stranger;
pub mod together;

use crate::outcome::{Outcome, expect};
use crate::tools::{READ_WRITE, mark, marked, private};
use abi::{OpenFlags, PAGE_SIZE};
use core::ffi::CStr;
use core::ops::Range;
use user::file::{Fd, unlink};
use user::mapping::{Mapping, Sharing};
use user::pages::Pages;

/// The path of the file.
pub const PATH: &CStr = c"/mmaptest.file";
/// The flags with which the file is made and opened.
pub const CREATE: OpenFlags = OpenFlags::READ_WRITE.with(OpenFlags::CREATE);

/// Makes the file with the contents that [`mark`] writes, and opens it for reading and writing.
pub fn make(pages: usize, base: u64) -> Outcome<Fd> {
    let contents = private(pages)?;
    mark(&contents, 0..pages, base);
    make_of(&contents, pages * PAGE_SIZE)
}

/// Makes the file with the first `bytes` bytes of `contents`.
pub fn make_of(contents: &Pages, bytes: usize) -> Outcome<Fd> {
    // The file exists if an earlier test has failed.
    let _ = unlink(PATH);
    let file = Fd::open(PATH, CREATE)?;
    expect("bytes written", bytes, contents.write_to(file, 0, bytes)?)?;
    Ok(file)
}

/// Closes and removes the file.
pub fn remove(file: Fd) -> Outcome {
    file.close()?;
    Ok(unlink(PATH)?)
}

/// Maps the file from its first page on, for loads and stores.
pub fn map(file: Fd, pages: usize, sharing: Sharing) -> Outcome<Mapping> {
    Ok(Mapping::of_file(file, 0, pages, sharing, READ_WRITE)?)
}

/// Fails unless `read` finds in these pages of the file what [`mark`] wrote.
pub fn holds(what: &str, which: Range<usize>, base: u64) -> Outcome {
    let file = Fd::open(PATH, OpenFlags::READ_ONLY)?;
    let (seen, bytes) = (private(which.end)?, which.end * PAGE_SIZE);
    expect("bytes read", bytes, seen.read_from(file, 0, bytes)?)?;
    file.close()?;
    marked(what, &seen, which, base)
}

/// Has `write` set the first word of a page of the file.
pub fn rewrite(page: usize, word: u64) -> Outcome {
    let file = Fd::open(PATH, OpenFlags::READ_WRITE)?;
    skip(file, page * PAGE_SIZE)?;
    file.write_all(&word.to_ne_bytes())?;
    Ok(file.close()?)
}

/// Skips `bytes` bytes of a file.
pub fn skip(file: Fd, bytes: usize) -> Outcome {
    let nowhere = private(bytes.div_ceil(PAGE_SIZE).max(1))?;
    expect("bytes read", bytes, nowhere.read_from(file, 0, bytes)?)
}
