//! Exec: replaces the program of a process.
//!
//! The new image is built beside the old one, and dropped if anything fails, so a failed exec
//! leaves the process as it was. [`install`] cannot fail and cannot be undone. All of it happens
//! inside the gate of [`standstill`], because the new space belongs to no process for a while.
//!
//! Layout (docs/abi.md, "Images"), from 0 up: the segments of the file; two unmapped pages (the
//! guard); the stack, which is one page unless a kernel option says otherwise; the heap. The
//! arguments are in the stack's last page. Each segment has its own permissions; reading is always
//! allowed, as on xv6. Instruction caches need no care here: `mm` fences when a hart enters a new
//! address space, which is after its code was written.

use abi::PAGE_SIZE;
use fs::InodeNo;
use kernel_logic::command_line::STACK_PAGES_MAX;
use kernel_logic::elf::{BadImage, HEADER_SIZE, Header, PROGRAM_HEADER_SIZE, Segment};
use mm::NoMemory;
use mm::addr::{PageNo, PageRange, VirtAddr};
use mm::file::{FileMap, FilePage, Sharing};
use mm::pt::Permissions;
use mm::space::{MapError, Promise};
use sync::{Held, level};

use super::arguments::{Arguments, Placed};
use super::{Caller, Current, Space, mapped, pager, scheduler, standstill};
use crate::arch::{self, UserRegisters};
use crate::file::{cached, system};
use crate::given::options;
use crate::memory::{USER_TOP, memory};

/// The unmapped pages between image and stack. Programs of the xv6 courses access the page two
/// below their stack and expect to be killed.
const GUARD_PAGES: u64 = 2;
/// The highest address at which a segment may end. The largest stack still fits above it.
const IMAGE_LIMIT: u64 = USER_TOP - (GUARD_PAGES + STACK_PAGES_MAX) * PAGE_SIZE as u64;

/// The reason why a program could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecError {
    /// There is no such file, or it cannot be read.
    File(fs::FsError),
    /// The file is not a program for this machine, or its headers contradict themselves.
    Image,
    /// There is no memory for the image or its arguments.
    NoMemory,
}

impl From<fs::FsError> for ExecError {
    fn from(error: fs::FsError) -> Self {
        Self::File(error)
    }
}

impl From<BadImage> for ExecError {
    fn from(_: BadImage) -> Self {
        Self::Image
    }
}

impl From<NoMemory> for ExecError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl From<MapError> for ExecError {
    fn from(error: MapError) -> Self {
        match error {
            MapError::NoMemory(_) => Self::NoMemory,
            // A new space has no mappings that could end.
            MapError::BadRange | MapError::Unwritten(_) => Self::Image,
        }
    }
}

impl core::fmt::Display for ExecError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Image => write!(
                f,
                "it is not a static {} program, or is damaged",
                arch::NAME
            ),
            Self::NoMemory => f.write_str("there is not enough memory"),
        }
    }
}

/// A program ready to run.
struct Image {
    space: Space,
    entry: u64,
    arguments: Placed,
}

/// Makes the caller run the program at `path`, from `registers` on. Returns the number of
/// arguments.
pub fn exec(
    caller: &mut Caller,
    registers: &mut UserRegisters,
    path: &[u8],
    arguments: &Arguments,
) -> Result<u64, ExecError> {
    let inode = system::in_directory(caller, |fs, directory| fs.lookup(directory, path))?;
    let thread = caller.thread;
    let mut passage = standstill::pass(&mut caller.held);
    let held = passage.held();
    let image = load(inode, arguments, held);
    system::release(inode, held);
    let count = image.map(|image| {
        mapped::end_all(&thread.process, held);
        thread.process.name.set(path);
        install(&thread, registers, image, held)
    });
    // Releases the files that the old image had mapped, or the image that failed.
    cached::release_departed(held);
    count
}

/// Lays out the program in `inode` in a new address space.
fn load(
    inode: InodeNo,
    arguments: &Arguments,
    held: &mut Held<level::Standstill>,
) -> Result<Image, ExecError> {
    let mut bytes = [0; HEADER_SIZE];
    read_exactly(inode, 0, &mut bytes, held)?;
    let header = Header::parse(&bytes, arch::ELF_MACHINE)?;
    let mut space = pager::retry(held, |_| Space::new(memory()))?;
    let mut end = PageNo(0);
    for index in 0..header.segments {
        let mut bytes = [0; PROGRAM_HEADER_SIZE];
        read_exactly(inode, header.segment_offset(index)?, &mut bytes, held)?;
        if let Some(segment) = Segment::parse(&bytes, IMAGE_LIMIT)? {
            load_segment(&mut space, inode, &segment, held)?;
            end = end.max(VirtAddr(segment.memory.end).page_up());
        }
    }
    let stack = end.plus(GUARD_PAGES);
    let stack = PageRange::new(stack, stack.plus(options().stack_pages));
    let data = Permissions::READ | Permissions::WRITE;
    pager::retry(held, |_| space.map(stack, data, Promise::Charged))?;
    let address = VirtAddr(stack.end.address().0 - PAGE_SIZE as u64);
    let arguments = arguments
        .place(bytes_of(&mut space, address, held)?, address.0)
        .ok_or(ExecError::Image)?;
    space.set_heap_break(stack.end.address());
    space.publish();
    Ok(Image {
        space,
        entry: header.entry,
        arguments,
    })
}

/// Maps a segment. Pages of the file that lie as they do in memory are mapped; the rest is read
/// into private pages. Segments that share a page are refused.
fn load_segment(
    space: &mut Space,
    inode: InodeNo,
    segment: &Segment,
    held: &mut Held<level::Standstill>,
) -> Result<(), ExecError> {
    let pages = PageRange::new(
        VirtAddr(segment.memory.start).page(),
        VirtAddr(segment.memory.end).page_up(),
    );
    let mut permissions = Permissions::READ;
    permissions.set(Permissions::WRITE, segment.writable);
    permissions.set(Permissions::EXECUTE, segment.executable);
    let mapped = segment.mapped_pages();
    let own = pages.start.plus(mapped);
    if mapped != 0 {
        let there = system::with(held, |fs| fs.size(inode))?;
        if segment.file.end > there.into() {
            return Err(ExecError::Image);
        }
        let from_file = PageRange::new(pages.start, own);
        map_program(
            space,
            inode,
            from_file,
            permissions,
            segment.file.start,
            held,
        )?;
    }
    let rest = PageRange::new(own, pages.end);
    pager::retry(held, |_| space.map(rest, permissions, Promise::Charged))?;
    let mut offset = segment.file.start + mapped * PAGE_SIZE as u64;
    let mut address = own.address().0;
    while offset < segment.file.end {
        let page = bytes_of(space, VirtAddr(address), held)?;
        let left = segment.file.end - offset;
        let length = page.len().min(left.try_into().unwrap_or(usize::MAX));
        read_exactly(inode, offset, &mut page[..length], held)?;
        offset += length as u64;
        address += length as u64;
    }
    Ok(())
}

/// Maps pages of the program in `inode`, from byte `offset` on, as a private file mapping.
fn map_program(
    space: &mut Space,
    inode: InodeNo,
    pages: PageRange,
    permissions: Permissions,
    offset: u64,
    held: &mut Held<level::Standstill>,
) -> Result<(), ExecError> {
    let map = FileMap {
        first: FilePage {
            file: cached::file_of(inode),
            index: (offset / PAGE_SIZE as u64) as u32,
        },
        sharing: Sharing::Program,
    };
    system::retain(inode, held);
    let result = pager::retry(held, |_| space.map_file(pages, permissions, map, None));
    if result.is_err() {
        system::release(inode, held);
    }
    Ok(result?)
}

/// Returns the bytes from `address` to the end of its page. Reclaims a frame if none is free.
fn bytes_of<'s>(
    space: &'s mut Space,
    address: VirtAddr,
    held: &mut Held<level::Standstill>,
) -> Result<&'s mut [u8], ExecError> {
    pager::retry(held, |_| space.bytes_mut(address).map(drop))?;
    Ok(space.bytes_mut(address)?)
}

/// Reads all of `bytes`. A shorter file is not a valid image.
fn read_exactly(
    inode: InodeNo,
    offset: u64,
    bytes: &mut [u8],
    held: &mut Held<level::Standstill>,
) -> Result<(), ExecError> {
    let count = cached::read_at(inode, offset, bytes, held)?;
    if count == bytes.len() {
        Ok(())
    } else {
        Err(ExecError::Image)
    }
}

/// Replaces the program of `thread`, which is the caller's, by `image`. Returns the number of
/// arguments.
fn install(
    thread: &Current,
    registers: &mut UserRegisters,
    image: Image,
    held: &mut Held<level::Standstill>,
) -> u64 {
    let context = image.space.context().clone();
    let old = {
        let mut space = thread.process.space.lock(held);
        let (space, held) = space.parts();
        let old = space.replace(image.space);
        scheduler::enter_space(thread, context, held);
        old
    };
    // No hart uses the old space: its only thread has left it.
    drop(old);
    scheduler::restart_float(thread, held);
    *registers = UserRegisters::new();
    registers.set_pc(image.entry);
    registers.set_stack_pointer(image.arguments.vector);
    registers.set_arguments(image.arguments.count, image.arguments.vector);
    image.arguments.count
}
