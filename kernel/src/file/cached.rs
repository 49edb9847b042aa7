//! Files through the page cache, for `read`, `write`, `exec` and `mmap`.
//!
//! `mm` keeps the pages and decides which contents must move; the file system knows where they are
//! on the disk. Contents move between the two only here, and only under the file system's lock, so
//! the cache and a file never disagree. A read finds the bytes of the last write or store. A page
//! that has been fetched has the contents of the file. A page that has been written back still
//! belongs to the file.
//!
//! Invariants: a mapping keeps a reference to its inode, from before it is made until
//! [`release_departed`]. The caller is inside the gate of [`standstill`](crate::process), so that
//! an audit finds no page half moved.
//!
//! Neighbours: [`super::system`] has the lock; [`crate::process`] waits, evicts and maps.

use abi::{FileKind, PAGE_SIZE};
use fs::layout::MAX_FILE_SIZE;
use fs::{FileSystem, FsError, InodeNo};
use mm::file::{FileNo, FilePage, FileRead, PinnedPage, WriteBack};
use mm::space::copy::CopyFailure;
use mm::swap::{PageWait, TransferError};
use sync::{Held, Level, level};

use super::system;
use crate::arch::Machine;
use crate::device::block::Disk;
use crate::memory::memory;

/// The number of pages of the largest file.
pub const FILE_PAGES_MOST: u32 = MAX_FILE_SIZE.div_ceil(PAGE_SIZE as u32);

/// Returns the number by which `mm` knows an inode.
pub fn file_of(inode: InodeNo) -> FileNo {
    FileNo(inode.number())
}

fn inode_of(page: FilePage) -> InodeNo {
    InodeNo::from_number(page.file.0)
}

/// Returns the page of a file that contains byte `offset`, and the offset of the byte in the page.
fn place(inode: InodeNo, offset: u64) -> (FilePage, usize) {
    let page = FilePage {
        file: file_of(inode),
        index: (offset / PAGE_SIZE as u64) as u32,
    };
    (page, offset as usize % PAGE_SIZE)
}

/// Reads a file or directory from byte `offset` on. Returns how many bytes were read.
pub fn read_at<L: Level>(
    inode: InodeNo,
    offset: u64,
    buffer: &mut [u8],
    held: &mut Held<L>,
) -> Result<usize, FsError> {
    system::with(held, |fs| {
        if fs.kind(inode)? != FileKind::File {
            return fs.read_at(inode, offset, buffer);
        }
        let left = u64::from(fs.size(inode)?).saturating_sub(offset);
        let wanted = buffer.len().min(left as usize);
        let mut done = 0;
        while done < wanted {
            let at = offset + done as u64;
            let (page, start) = place(inode, at);
            let end = wanted.min(done + PAGE_SIZE - start);
            let part = &mut buffer[done..end];
            match cached(fs, page)? {
                Some(page) => page.read(start, part),
                None => {
                    fs.read_at(inode, at, part)?;
                }
            }
            done = end;
        }
        Ok(wanted)
    })
}

/// Returns a page of a file from the cache, after reading it there if there is room.
fn cached(
    fs: &mut FileSystem<Disk>,
    page: FilePage,
) -> Result<Option<PinnedPage<'static, Machine>>, FsError> {
    if let Some(pinned) = memory().cached_page(page) {
        return Ok(Some(pinned));
    }
    let Some(mut read) = memory().read_into_cache(page) else {
        return Ok(None);
    };
    fs.read_page(inode_of(page), page.index, read.bytes_mut())?;
    let _kept = read.finish();
    Ok(memory().cached_page(page))
}

/// Writes a file from byte `offset` on. Returns how many bytes were written.
pub fn write_at<L: Level>(
    inode: InodeNo,
    offset: u64,
    bytes: &[u8],
    held: &mut Held<L>,
) -> Result<usize, FsError> {
    system::with(held, |fs| {
        let written = fs.write_at(inode, offset, bytes)?;
        memory().update_file(file_of(inode), offset, &bytes[..written]);
        Ok(written)
    })
}

/// Reads the page that a fault needs.
///
/// # Errors
/// [`CopyFailure::Denied`] if the file ends before it; [`CopyFailure::Lost`] if it cannot be read.
pub fn fetch<L: Level>(
    mut read: FileRead<'static, Machine>,
    held: &mut Held<L>,
) -> Result<PageWait<'static, Machine>, CopyFailure> {
    let page = read.page();
    let fetched = system::with(held, |fs| {
        let valid = fs.read_page(inode_of(page), page.index, read.bytes_mut())?;
        Ok((valid > 0).then(|| read.finish()))
    });
    match fetched {
        Ok(Some(page)) => Ok(page),
        Ok(None) => Err(CopyFailure::Denied),
        Err(_) => Err(CopyFailure::Lost),
    }
}

/// Writes a page back if it is dirty.
pub fn write_back<L: Level>(page: FilePage, held: &mut Held<L>) -> Result<(), FsError> {
    system::with(held, |fs| {
        write(fs, page, memory().write_back(page)).map(drop)
    })
}

/// Writes a page back if it is dirty, and frees its frame unless the page was touched meanwhile.
/// Returns how many frames that freed.
pub fn evict<L: Level>(page: FilePage, held: &mut Held<L>) -> Result<u64, FsError> {
    system::with(held, |fs| {
        write(fs, page, memory().write_back_to_evict(page))
    })
}

fn write(
    fs: &mut FileSystem<Disk>,
    page: FilePage,
    write: Option<WriteBack<'static, Machine>>,
) -> Result<u64, FsError> {
    let Some(write) = write else {
        return Ok(0);
    };
    let result = fs.write_page(inode_of(page), page.index, write.bytes());
    let freed = write.finish(result.as_ref().map(drop).map_err(|_| TransferError));
    result.map(|_| freed)
}

/// Writes everything to the disk, dirty pages first, before the power goes off.
pub fn sync(held: &mut Held<level::Nothing>) {
    let mut from = 0;
    while let Some((page, next)) = memory().next_dirty(from) {
        // The error has been printed.
        let _ = write_back(page, held);
        from = next;
    }
    system::sync(held);
}

/// Drops the pages of an inode whose blocks were freed. The file system calls this, so its lock is
/// held.
pub fn forget(inode: InodeNo) {
    memory().cut_file(file_of(inode), 0..FILE_PAGES_MOST);
}

/// Releases the inodes of mappings that have ended.
pub fn release_departed<L: Level>(held: &mut Held<L>) {
    while let Some(FileNo(number)) = memory().take_departed() {
        system::release(InodeNo::from_number(number), held);
    }
}
