//! The break, and mappings.

use abi::{MapFlags, PAGE_SIZE, Protection, SBRK_LAZY};
use mm::addr::{PageRange, VirtAddr};
use mm::pt::Permissions;
use mm::space::Promise;

use super::{Answer, Call, Failed};
use crate::process::Space;

/// Programs that pass one argument leave anything in `mode`: all but lazy is eager.
pub fn sbrk(call: &mut Call, increment: i32, mode: u64) -> Answer {
    let promise = if mode == SBRK_LAZY {
        Promise::Lazy
    } else {
        Promise::Charged
    };
    let distance = u64::from(increment.unsigned_abs());
    in_space(call, |space| {
        let old = if increment < 0 {
            space.shrink(distance)?
        } else {
            space.grow(distance, promise)?
        };
        Ok(old.0)
    })
}

/// Maps zeros, for the process alone or for all its descendants too; files are not mapped yet. Without [`MapFlags::FIXED`]
/// the address is a wish.
pub fn mmap(
    call: &mut Call,
    address: u64,
    length: u64,
    protection: i32,
    flags: i32,
    _fd: i32,
    offset: u64,
) -> Answer {
    let permissions = permissions(protection)?;
    let flags = MapFlags(flags);
    let fixed = flags.contains(MapFlags::FIXED);
    let shared = match flags.without(MapFlags::FIXED) {
        flags if flags == MapFlags::PRIVATE.with(MapFlags::ANONYMOUS) => false,
        flags if flags == MapFlags::SHARED.with(MapFlags::ANONYMOUS) => true,
        _ => return Err(Failed),
    };
    if !is_page_aligned(offset) {
        return Err(Failed);
    }
    in_space(call, |space| {
        let pages = if fixed {
            page_range(address, length)?
        } else {
            choose(space, address, length)?
        };
        if shared {
            space.map_shared(pages, permissions, fixed)?;
        } else if fixed {
            space.map_over(pages, permissions, Promise::Charged)?;
        } else {
            space.map(pages, permissions, Promise::Charged)?;
        }
        Ok(pages.start.address().0)
    })
}

/// Unmaps pages; that nothing is mapped at some of them is no error.
pub fn munmap(call: &mut Call, address: u64, length: u64) -> Answer {
    let pages = page_range(address, length)?;
    in_space(call, |space| {
        space.unmap(pages)?;
        Ok(0)
    })
}

/// Gives pages other rights; all of them must be mapped.
pub fn mprotect(call: &mut Call, address: u64, length: u64, protection: i32) -> Answer {
    let permissions = permissions(protection)?;
    let pages = page_range(address, length)?;
    in_space(call, |space| {
        space.protect(pages, permissions)?;
        Ok(0)
    })
}

fn in_space(call: &mut Call, body: impl FnOnce(&mut Space) -> Answer) -> Answer {
    let thread = call.caller.thread;
    let mut space = thread.process.space.lock(&mut call.caller.held);
    body(space.as_mut().ok_or(Failed)?)
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

/// The pages of a range that must begin at one and not be empty.
fn page_range(address: u64, length: u64) -> Result<PageRange, Failed> {
    let end = address.checked_add(length).ok_or(Failed)?;
    if !is_page_aligned(address) || length == 0 || end > abi::USER_TOP {
        return Err(Failed);
    }
    Ok(PageRange::new(
        VirtAddr(address).page(),
        VirtAddr(end).page_up(),
    ))
}

/// Where so many bytes go: where they are wished, if that is free, or where they fit.
fn choose(space: &Space, wish: u64, length: u64) -> Result<PageRange, Failed> {
    let wished = page_range(wish, length).ok().filter(|_| wish != 0);
    if let Some(pages) = wished.filter(|&pages| space.is_free(pages)) {
        return Ok(pages);
    }
    let count = length.div_ceil(PAGE_SIZE as u64);
    if count == 0 {
        return Err(Failed);
    }
    space.gap(count).ok_or(Failed)
}
