//! System calls on names in the file system, and on the current directory.

use abi::FileKind;
use fs::FsError;

use super::{Answer, Call, Failed};
use crate::file::{Directory, system};
use crate::user_memory::Path;

pub fn link(call: &mut Call, old: u64, new: u64) -> Answer {
    let old = Path::read(old, &mut call.caller)?;
    let new = Path::read(new, &mut call.caller)?;
    system::in_directory(&mut call.caller, |fs, directory| {
        fs.link(directory, old.bytes(), new.bytes())
    })?;
    Ok(0)
}

pub fn unlink(call: &mut Call, path: u64) -> Answer {
    let path = Path::read(path, &mut call.caller)?;
    system::in_directory(&mut call.caller, |fs, directory| {
        fs.unlink(directory, path.bytes())
    })?;
    Ok(0)
}

pub fn mkdir(call: &mut Call, path: u64) -> Answer {
    let path = Path::read(path, &mut call.caller)?;
    system::in_directory(&mut call.caller, |fs, directory| {
        fs.mkdir(directory, path.bytes())
    })?;
    Ok(0)
}

/// Fails for device numbers above 16 bits, which is their width on the disk.
pub fn mknod(call: &mut Call, path: u64, major: i32, minor: i32) -> Answer {
    let path = Path::read(path, &mut call.caller)?;
    let number = |number: i32| u16::try_from(number).map_err(|_| Failed);
    let (major, minor) = (number(major)?, number(minor)?);
    system::in_directory(&mut call.caller, |fs, directory| {
        fs.mknod(directory, path.bytes(), major, minor)
    })?;
    Ok(0)
}

pub fn chdir(call: &mut Call, path: u64) -> Answer {
    let caller = &mut call.caller;
    let path = Path::read(path, caller)?;
    let inode = system::in_directory(caller, |fs, directory| {
        let inode = fs.lookup(directory, path.bytes())?;
        match fs.kind(inode) {
            Ok(FileKind::Directory) => Ok(inode),
            other => {
                fs.release(inode)?;
                Err(other.err().unwrap_or(FsError::NotADirectory))
            }
        }
    })?;
    let new = Directory::try_new(inode, &mut caller.held)?;
    let thread = caller.thread;
    let mut files = thread.process.files.lock(&mut caller.held);
    let old = files.directory.replace(new);
    drop(files);
    if let Some(old) = old {
        old.release(&mut caller.held);
    }
    Ok(0)
}
