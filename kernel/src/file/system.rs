//! The one file system and its lock.
//!
//! `fs` does one operation at a time on a plain value, so the only concurrency is one sleep lock
//! around it. When the lock is free again, the operation is on the disk as one transaction.

use abi::MemCounter;
use fs::{FileSystem, FsError, InodeNo, MountError};
use sync::{Held, Level, SleepLock, level};

use crate::device::block::Disk;
use crate::memory::memory;
use crate::process::Caller;

static FILES: SleepLock<level::Files, Option<FileSystem<Disk>>> = SleepLock::new(None);

const MOUNTED: &str = "programs run after the disk was mounted";

/// The number of frames of memory for each cached block of metadata, within bounds. The blocks are
/// allocated once, so that free memory does not depend on which files were used before.
const CACHE_SHARE: u64 = 256;
const CACHE_MIN: u64 = 32;
const CACHE_MAX: u64 = 512;

/// Mounts the disk, and recovers it if necessary. Called once, from a thread. `observer` is told of
/// every inode that is emptied or freed.
pub fn mount(
    disk: Disk,
    observer: fn(InodeNo),
    held: &mut Held<level::Nothing>,
) -> Result<(), MountError> {
    let frames = memory().stats()[MemCounter::Frames as usize];
    let blocks = (frames / CACHE_SHARE).clamp(CACHE_MIN, CACHE_MAX);
    let mut mounted = FileSystem::mount(disk, blocks as usize)?;
    mounted.observe(observer);
    *FILES.lock(held) = Some(mounted);
    Ok(())
}

/// Runs `operation` under the lock of the file system. It may call several operations of `fs`, with
/// no other in between.
pub fn with<L: Level, R>(
    held: &mut Held<L>,
    operation: impl FnOnce(&mut FileSystem<Disk>) -> Result<R, FsError>,
) -> Result<R, FsError> {
    let mut files = FILES.lock(held);
    let files = files.as_mut().expect(MOUNTED);
    operation(files).inspect_err(report)
}

/// Runs `operation` on the file system and the caller's current directory.
pub fn in_directory<R>(
    caller: &mut Caller,
    operation: impl FnOnce(&mut FileSystem<Disk>, InodeNo) -> Result<R, FsError>,
) -> Result<R, FsError> {
    let thread = caller.thread;
    let directory = thread
        .process
        .files
        .lock(&mut caller.held)
        .directory
        .clone();
    let directory = directory.expect("a program has a current directory");
    let result = with(&mut caller.held, |fs| operation(fs, directory.inode()));
    directory.release(&mut caller.held);
    result
}

/// Writes everything that the file system has to the disk, before the power goes off. Dirty pages
/// of files are written back first: see [`super::cached::sync`].
pub fn sync(held: &mut Held<level::Nothing>) {
    // `with` has printed errors.
    let _ = with(held, FileSystem::sync);
}

/// Adds a reference to an inode that has one.
pub fn retain<L: Level>(inode: InodeNo, held: &mut Held<L>) {
    let mut files = FILES.lock(held);
    files.as_mut().expect(MOUNTED).retain(inode);
}

/// Releases a reference to an inode. If that fails, the inode is freed at the next mount.
pub fn release<L: Level>(inode: InodeNo, held: &mut Held<L>) {
    // `with` has printed errors.
    let _ = with(held, |fs| fs.release(inode));
}

/// Prints an error if it is the disk's fault and not the program's.
fn report(error: &FsError) {
    match error {
        FsError::Device(_) | FsError::Stopped | FsError::Corrupt { .. } => {
            log::error!("file system: {error}");
        }
        _ => {}
    }
}
