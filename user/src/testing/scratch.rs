//! A directory that a program makes for itself and removes with all it holds.

use crate::file::{Fd, change_directory, make_directory, unlink};
use crate::{Failed, Result};
use abi::{NAME_MAX, OpenFlags};
use core::ffi::CStr;

/// The size of a directory entry: an inode number, then the name.
const ENTRY: usize = 2 + NAME_MAX;

/// Enters the directory at `path`, empty.
pub fn enter(path: &CStr) -> Result<()> {
    // An earlier run may have left the directory.
    if make_directory(path).is_err() {
        change_directory(path)?;
        empty()?;
    }
    change_directory(path)
}

/// Removes the directory at `path` with all that is in it, and goes to the root.
pub fn remove(path: &CStr) -> Result<()> {
    change_directory(path)?;
    empty()?;
    change_directory(c"/")?;
    unlink(path)
}

/// Removes everything in the current directory.
fn empty() -> Result<()> {
    while let Some(name) = first_entry()? {
        let name = CStr::from_bytes_until_nul(&name).map_err(|_| Failed)?;
        if unlink(name).is_err() {
            // The name is a directory that is not empty. For anything else this call fails.
            change_directory(name)?;
            empty()?;
            change_directory(c"..")?;
            unlink(name)?;
        }
    }
    Ok(())
}

/// Returns the name of an entry of the current directory, with a NUL. Skips `.` and `..`.
fn first_entry() -> Result<Option<[u8; NAME_MAX + 1]>> {
    let directory = Fd::open(c".", OpenFlags::READ_ONLY)?;
    let mut entry = [0; ENTRY];
    let mut found = None;
    while found.is_none() && directory.read(&mut entry)? == ENTRY {
        let (inode, name) = entry.split_at(2);
        if inode != [0, 0] && !name.starts_with(b".\0") && !name.starts_with(b"..\0") {
            let mut terminated = [0; NAME_MAX + 1];
            terminated[..NAME_MAX].copy_from_slice(name);
            found = Some(terminated);
        }
    }
    directory.close()?;
    Ok(found)
}
