//! How the file system treats the kernel's memory: no allocation above 4096 bytes once it is
//! mounted, and it works when there is no memory at all.
//!
//! These tests have a process of their own, since they replace its allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use abi::OpenFlags;
use fs::mkfs::format;
use fs::{FileSystem, FsError, InodeNo, MemoryDisk};

const ROOT: InodeNo = InodeNo::ROOT;

/// What an allocation meets on this thread.
#[derive(Clone, Copy, PartialEq)]
enum Memory {
    Granted,
    Refused,
}

thread_local! {
    static MEMORY: Cell<Memory> = const { Cell::new(Memory::Granted) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    static IN_USE: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, which on request refuses, and notes what it is asked for.
struct Watched;

// SAFETY: every request is handed to the system's allocator as it is or refused with a null
// pointer, which the contract allows; the counters are plain cells without allocation.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.set(LARGEST.get().max(layout.size()));
        if MEMORY.get() == Memory::Refused {
            return std::ptr::null_mut();
        }
        IN_USE.set(IN_USE.get() + layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.set(IN_USE.get() - layout.size() as isize);
        // SAFETY: the pointer came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn mounted(cache_blocks: usize) -> FileSystem<MemoryDisk> {
    let mut disk = MemoryDisk::new(3000);
    format(&mut disk, 3000, 3000).unwrap();
    FileSystem::mount(disk, cache_blocks).unwrap()
}

/// Uses every operation; `data` is prepared outside so that only the file system allocates.
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
    LARGEST.set(0);
    use_everything(&mut files, &mut data).unwrap();
    files.free_blocks().unwrap();
    let largest = LARGEST.get();
    assert!((1..=4096).contains(&largest), "{largest} bytes at once");
}

#[test]
fn without_memory_only_the_first_reference_fails() {
    let mut files = mounted(500);
    let mut data = vec![7; 268 << 10];
    let before = files.free_blocks().unwrap();

    MEMORY.set(Memory::Refused);
    let first = use_everything(&mut files, &mut data);
    MEMORY.set(Memory::Granted);
    assert_eq!(first, Err(FsError::NoMemory));
    assert_eq!(files.free_blocks(), Ok(before), "nothing is left of it");
    assert_eq!(files.lookup(ROOT, b"/d"), Err(FsError::NotFound));

    // One reference has been counted among the first 1024 inodes: the rest needs no memory.
    let root = files.lookup(ROOT, b"/").unwrap();
    MEMORY.set(Memory::Refused);
    let second = use_everything(&mut files, &mut data);
    let free = files.free_blocks();
    MEMORY.set(Memory::Granted);
    assert_eq!(second, Ok(()));
    assert_eq!(free, Ok(before));
    files.release(root).unwrap();
}

#[test]
fn what_is_in_memory_does_not_depend_on_what_was_read() {
    let mut files = mounted(500);
    let mut data = vec![7; 268 << 10];
    let before = IN_USE.get();
    use_everything(&mut files, &mut data).unwrap();
    files.free_blocks().unwrap();
    files.free_inodes().unwrap();
    assert_eq!(IN_USE.get(), before, "the cache grew or shrank");
}

#[test]
fn mounting_without_memory_is_an_error() {
    let mut disk = MemoryDisk::new(100);
    format(&mut disk, 100, 20).unwrap();
    MEMORY.set(Memory::Refused);
    let outcome = FileSystem::mount(disk, 500);
    MEMORY.set(Memory::Granted);
    let error = outcome.err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("no memory for the file system"));
}
