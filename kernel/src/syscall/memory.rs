//! System calls on memory: the heap, and mappings.

use abi::{MapFlags, PAGE_SIZE, Protection, SBRK_LAZY};
use fs::{FsError, InodeNo};
use mm::addr::{PageRange, VirtAddr};
use mm::file::{FileMap, FilePage, Sharing};
use mm::pt::Permissions;
use mm::space::{Ending, MapError, Promise};

use super::{Answer, Call, Failed};
use crate::file::{self, cached, system};
use crate::given::options;
use crate::process::{Space, mapped, pager, standstill};

/// Moves the end of the heap. Only `SBRK_LAZY` makes the new pages lazy, unless the kernel option
/// says that all are, because programs that pass one argument leave any value in `mode`.
pub fn sbrk(call: &mut Call, increment: i32, mode: u64) -> Answer {
    let promise = if mode == SBRK_LAZY || options().lazy_sbrk {
        Promise::Lazy
    } else {
        Promise::Charged
    };
    let distance = u64::from(increment.unsigned_abs());
    in_space(call, |space, ending| {
        let old = if increment < 0 {
            space.shrink(distance, ending)?
        } else {
            space.grow(distance, promise)?
        };
        Ok(old.0)
    })
}

/// The contents that `mmap` maps.
enum Source {
    /// Zeros, private to the process.
    Private,
    /// Zeros, shared with the process's descendants.
    Shared,
    /// Pages of a file. The source holds a reference to the inode.
    File(InodeNo, FileMap),
}

/// Maps zeros or a file. Without [`MapFlags::FIXED`], `address` is only a preference.
pub fn mmap(
    call: &mut Call,
    address: u64,
    length: u64,
    protection: i32,
    flags: i32,
    fd: i32,
    offset: u64,
) -> Answer {
    let permissions = permissions(protection)?;
    let flags = MapFlags(flags);
    let fixed = flags.contains(MapFlags::FIXED);
    if !is_page_aligned(offset) {
        return Err(Failed);
    }
    let source = match flags.without(MapFlags::FIXED) {
        flags if flags == MapFlags::PRIVATE.with(MapFlags::ANONYMOUS) => Source::Private,
        flags if flags == MapFlags::SHARED.with(MapFlags::ANONYMOUS) => Source::Shared,
        flags if flags == MapFlags::PRIVATE => file_source(call, fd, offset, |_| Sharing::Private)?,
        flags if flags == MapFlags::SHARED => file_source(call, fd, offset, shared)?,
        _ => return Err(Failed),
    };
    let mapped = in_space(call, |space, ending| {
        let pages = if fixed {
            page_range(address, length)?
        } else {
            choose(space, address, length)?
        };
        match &source {
            Source::Private if fixed => {
                space.map_over(pages, permissions, Promise::Charged, ending)?;
            }
            Source::Private => space.map(pages, permissions, Promise::Charged)?,
            Source::Shared => {
                space.map_shared(pages, permissions, fixed.then_some(ending))?;
            }
            Source::File(_, map) => {
                space.map_file(pages, permissions, *map, fixed.then_some(ending))?;
            }
        }
        Ok(pages.start.address().0)
    });
    if let (Err(_), Source::File(inode, _)) = (&mapped, source) {
        system::release(inode, &mut call.caller.held);
    }
    mapped
}

/// Returns how a file is mapped shared. `writable` says whether it was opened for writing.
fn shared(writable: bool) -> Sharing {
    if writable {
        Sharing::Shared
    } else {
        Sharing::SharedReadOnly
    }
}

/// Returns the source for the file of descriptor `fd`, from byte `offset` on. `sharing` is told
/// whether the file was opened for writing.
fn file_source(
    call: &mut Call,
    fd: i32,
    offset: u64,
    sharing: fn(bool) -> Sharing,
) -> Result<Source, Failed> {
    let index = u32::try_from(offset / PAGE_SIZE as u64).map_err(|_| Failed)?;
    let file = super::file::handle(&mut call.caller, fd)?;
    let source = file.for_mapping(&mut call.caller.held);
    file::close(file, &mut call.caller.held);
    let (inode, writable) = source?;
    let map = FileMap {
        first: FilePage {
            file: cached::file_of(inode),
            index,
        },
        sharing: sharing(writable),
    };
    Ok(Source::File(inode, map))
}

/// Unmaps pages. Pages at which nothing is mapped are no error.
pub fn munmap(call: &mut Call, address: u64, length: u64) -> Answer {
    let pages = page_range(address, length)?;
    in_space(call, |space, ending| {
        space.unmap(pages, ending)?;
        Ok(0)
    })
}

/// Changes the permissions of pages, all of which must be mapped.
pub fn mprotect(call: &mut Call, address: u64, length: u64, protection: i32) -> Answer {
    let permissions = permissions(protection)?;
    let pages = page_range(address, length)?;
    in_space(call, |space, _| {
        space.protect(pages, permissions)?;
        Ok(0)
    })
}

/// Writes stored bytes of shared file mappings back to their files. The whole range must be mapped.
pub fn msync(call: &mut Call, address: u64, length: u64) -> Answer {
    let pages = page_range(address, length)?;
    in_space(call, |space, _| {
        let mapped = space.is_mapped(pages);
        mapped.then_some(0).ok_or(MapError::BadRange)
    })?;
    write_back(call, pages)?;
    Ok(0)
}

/// Writes back the pages of the range that are mapped shared from a file.
fn write_back(call: &mut Call, mut pages: PageRange) -> Result<(), FsError> {
    let process = &call.caller.thread.process;
    let mut passage = standstill::pass(&mut call.caller.held);
    let held = passage.held();
    let mut result = Ok(());
    while let Some(next) = {
        let space = process.space.lock(held);
        let space = space.as_ref();
        space.and_then(|space| space.shared_file_pages(pages))
    } {
        result = result.and(mapped::write_back(next, held));
        pages.start = next.next;
    }
    result
}

/// Runs `body` on the caller's address space. Repeats it while it needs a frame that can be freed,
/// or while it is about to end mappings that must be written back first. Releases the files that
/// are mapped no longer afterwards.
fn in_space(
    call: &mut Call,
    mut body: impl FnMut(&mut Space, &mut Ending) -> Result<u64, MapError>,
) -> Answer {
    let thread = call.caller.thread;
    let mut passage = standstill::pass(&mut call.caller.held);
    let held = passage.held();
    let answer = mapped::ending(held, |ending, held| {
        pager::retry(held, |held| {
            let mut space = thread.process.space.lock(held);
            body(space.as_mut().ok_or(MapError::BadRange)?, ending)
        })
    });
    cached::release_departed(held);
    Ok(answer?)
}

fn permissions(protection: i32) -> Result<Permissions, Failed> {
    let protection = Protection(protection);
    if !protection.is_valid() {
        return Err(Failed);
    }
    let mut permissions = Permissions::empty();
    permissions.set(Permissions::READ, protection.contains(Protection::READ));
    permissions.set(Permissions::WRITE, protection.contains(Protection::WRITE));
    permissions.set(
        Permissions::EXECUTE,
        protection.contains(Protection::EXECUTE),
    );
    Ok(permissions)
}

fn is_page_aligned(number: u64) -> bool {
    number.is_multiple_of(PAGE_SIZE as u64)
}

/// Returns the pages of a range, which must begin at a page boundary and not be empty. `mm` checks
/// whether a program may use them.
fn page_range(address: u64, length: u64) -> Result<PageRange, MapError> {
    let end = address.checked_add(length).ok_or(MapError::BadRange)?;
    if !is_page_aligned(address) || length == 0 {
        return Err(MapError::BadRange);
    }
    Ok(PageRange::new(
        VirtAddr(address).page(),
        VirtAddr(end).page_up(),
    ))
}

/// Returns the pages to map `length` bytes at: at `wish` if that is free, otherwise in the highest
/// gap.
fn choose(space: &Space, wish: u64, length: u64) -> Result<PageRange, MapError> {
    let wished = page_range(wish, length).ok().filter(|_| wish != 0);
    if let Some(pages) = wished.filter(|&pages| space.is_free(pages)) {
        return Ok(pages);
    }
    let count = length.div_ceil(PAGE_SIZE as u64);
    if count == 0 {
        return Err(MapError::BadRange);
    }
    space.gap(count).ok_or(MapError::BadRange)
}
