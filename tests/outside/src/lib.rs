//! What another kernel writes to take the memory system: it depends on `mm` by its path and on
//! nothing else, for whatever machine it brings.
//!
//! `cargo xtask test outside` builds it for the host and for bare machines, without the kernel.

#![no_std]
#![forbid(unsafe_code)]

use mm::abi::ForkMode;
use mm::addr::{PageNo, PageRange};
use mm::pt::Permissions;
use mm::space::{AddressSpace, Promise};
use mm::{Machine, Memory, NoMemory};

/// Returns a process's memory with a heap of some pages, and that of its child.
pub fn two<'m, M: Machine>(
    memory: &'m Memory<M>,
    pages: u64,
) -> Result<[AddressSpace<'m, M>; 2], NoMemory> {
    let mut parent = AddressSpace::new(memory)?;
    let heap = PageRange::new(PageNo(0), PageNo(pages));
    parent
        .map(heap, Permissions::READ | Permissions::WRITE, Promise::Lazy)
        .or(Err(NoMemory::Places))?;
    parent.publish();
    let child = parent.fork(ForkMode::CopyOnWrite)?;
    Ok([parent, child])
}
