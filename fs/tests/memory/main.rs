//! The file system's use of memory. Once it is mounted, it allocates at most 4096 bytes at a time.
//! It works when there is no memory at all. Any one allocation may fail (`nth`).
//!
//! These tests have a process of their own, because they replace its allocator.

mod nth;
mod watched;

use abi::OpenFlags;
use fs::mkfs::format;
use fs::{FileSystem, FsError, InodeNo, MemoryDisk};
use watched::{in_use, largest_allocation, without_memory};

// `cargo bolero` expects the fuzzer in every test program of a room that has a target.
use fuzz as _;

const ROOT: InodeNo = InodeNo::ROOT;

fn mounted(cache_blocks: usize) -> FileSystem<MemoryDisk> {
    let mut disk = MemoryDisk::new(3000);
    format(&mut disk, 3000, 3000).unwrap();
    FileSystem::mount(disk, cache_blocks).unwrap()
}

/// Uses every operation. `data` is prepared by the caller, so that only the file system allocates.
fn use_everything(files: &mut FileSystem<MemoryDisk>, data: &mut [u8]) -> Result<(), FsError> {
    let flags = OpenFlags::CREATE.with(OpenFlags::READ_WRITE);
    files.mkdir(ROOT, b"/d")?;
    let inode = files.open(ROOT, b"/d/file", flags)?;
    assert_eq!(files.write_at(inode, 0, data), Ok(data.len()));
    assert_eq!(files.read_at(inode, 0, data), Ok(data.len()));
    files.link(ROOT, b"/d/file", b"/d/again")?;
    files.mknod(ROOT, b"/d/device", 1, 1)?;
    for name in [b"/d/file".as_slice(), b"/d/again", b"/d/device", b"/d"] {
        files.unlink(ROOT, name)?;
    }
    files.truncate(inode)?;
    files.release(inode)
}

#[test]
fn no_allocation_is_larger_than_a_page() {
    let mut files = mounted(500);
    let mut data = vec![7; 268 << 10];
    let largest = largest_allocation(|| {
        use_everything(&mut files, &mut data).unwrap();
        files.free_blocks().unwrap();
    });
    assert!((1..=4096).contains(&largest), "{largest} bytes at once");
}

#[test]
fn without_memory_only_the_first_reference_fails() {
    let mut files = mounted(500);
    let mut data = vec![7; 268 << 10];
    let before = files.free_blocks().unwrap();

    let first = without_memory(|| use_everything(&mut files, &mut data));
    assert_eq!(first, Err(FsError::NoMemory));
    assert_eq!(files.free_blocks(), Ok(before), "nothing is left of it");
    assert_eq!(files.lookup(ROOT, b"/d"), Err(FsError::NotFound));

    // One reference among the first 1024 inodes is counted, so the rest needs no memory.
    let root = files.lookup(ROOT, b"/").unwrap();
    let second = without_memory(|| use_everything(&mut files, &mut data));
    let free = without_memory(|| files.free_blocks());
    assert_eq!(second, Ok(()));
    assert_eq!(free, Ok(before));
    files.release(root).unwrap();
}

#[test]
fn what_is_in_memory_does_not_depend_on_what_was_read() {
    let mut files = mounted(500);
    let mut data = vec![7; 268 << 10];
    let before = in_use();
    use_everything(&mut files, &mut data).unwrap();
    files.free_blocks().unwrap();
    files.free_inodes().unwrap();
    assert_eq!(in_use(), before, "the cache grew or shrank");
}

#[test]
fn mounting_without_memory_is_an_error() {
    let mut disk = MemoryDisk::new(100);
    format(&mut disk, 100, 20).unwrap();
    let outcome = without_memory(|| FileSystem::mount(disk, 500));
    let error = outcome.err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("no memory for the file system"));
}
