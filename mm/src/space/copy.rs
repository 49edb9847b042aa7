//! Kernel reads and writes of the memory of the program that it serves.
//!
//! The copy goes through the translation that the hart has loaded, with the program's permissions,
//! so the kernel can access no more than the program could. Where the hardware refuses, the fault
//! is resolved by [`resolve`](super::AddressSpace::resolve), as for the program (R6). The caller's
//! closure locks the space only to resolve, and waits if it must; the copy itself runs without a
//! lock (R9).

use crate::addr::VirtAddr;
use crate::machine::Machine;
use crate::space::Access;

/// The error of a copy that stopped half-way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyError {
    /// How many bytes were copied.
    pub copied: usize,
    /// Why the copy stopped.
    pub why: CopyFailure,
}

/// Why a copy stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFailure {
    /// The access is not permitted.
    Denied,
    /// There is no memory for the page.
    NoMemory,
    /// The device failed to give back the page.
    Lost,
}

/// The most faults in a row at one byte, each of them resolved. A page can be evicted between the
/// fault and the next try, but not for ever.
const TRIES: u32 = 1000;

/// Copies from the program at `from`.
pub fn copy_in<M: Machine>(
    machine: &M,
    from: VirtAddr,
    to: &mut [u8],
    resolve: impl FnMut(VirtAddr, Access) -> Result<(), CopyFailure>,
) -> Result<(), CopyError> {
    let length = to.len();
    transfer(from, length, Access::Read, resolve, |address, done| {
        machine.read_user(address, &mut to[done..])
    })
}

/// Copies to the program at `to`.
pub fn copy_out<M: Machine>(
    machine: &M,
    to: VirtAddr,
    from: &[u8],
    resolve: impl FnMut(VirtAddr, Access) -> Result<(), CopyFailure>,
) -> Result<(), CopyError> {
    transfer(to, from.len(), Access::Write, resolve, |address, done| {
        machine.write_user(address, &from[done..])
    })
}

fn transfer(
    base: VirtAddr,
    length: usize,
    access: Access,
    mut resolve: impl FnMut(VirtAddr, Access) -> Result<(), CopyFailure>,
    mut step: impl FnMut(VirtAddr, usize) -> usize,
) -> Result<(), CopyError> {
    let mut copied = 0;
    let mut tries = 0;
    while copied < length {
        let failed = |why| Err(CopyError { copied, why });
        let Some(address) = base.0.checked_add(copied as u64).map(VirtAddr) else {
            return failed(CopyFailure::Denied);
        };
        let progress = step(address, copied);
        if progress > 0 {
            copied += progress;
            tries = 0;
            continue;
        }
        tries += 1;
        match resolve(address, access) {
            Ok(()) if tries < TRIES => {}
            Ok(()) => return failed(CopyFailure::Denied),
            Err(why) => return failed(why),
        }
    }
    Ok(())
}
