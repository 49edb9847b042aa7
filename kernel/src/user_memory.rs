//! User memory: copies between the kernel and addresses that a program passed.
//!
//! An address in a system call is an *allegation*: that memory exists there, that the program may
//! use it, and that it has the length given (R12). Nothing is checked in advance, because a check
//! could be out of date at once. A [`UserSlice`] can only be passed to the copy functions here.
//! They go through the hardware's translation of the calling process and `mm`'s fault handling
//! (R6).
//!
//! Invariant: no lock is held during a copy (R9), because the copy functions borrow the token of a
//! thread that holds nothing. Neighbours: [`crate::syscall`] makes the slices, [`crate::file`]
//! moves file data through them, `mm::space::copy` does the work.

use abi::PATH_MAX;
use mm::addr::VirtAddr;
use mm::space::copy::{CopyError, CopyFailure, copy_in, copy_out};

use crate::memory::memory;
use crate::process::{Caller, out_of_memory, page_lost, resolve};

/// An address and a length that a program passed.
#[derive(Clone, Copy, Debug)]
pub struct UserSlice {
    address: u64,
    length: usize,
}

/// The error of a copy from or to memory that is not as the program says. The bytes before the
/// first bad one were copied.
#[derive(Clone, Copy, Debug)]
pub struct BadAddress {
    /// The number of bytes copied.
    pub copied: usize,
}

impl UserSlice {
    /// Returns a slice of `length` bytes from `address` on.
    pub const fn new(address: u64, length: usize) -> Self {
        Self { address, length }
    }

    /// Returns the length.
    pub const fn len(self) -> usize {
        self.length
    }

    fn at(self, start: usize) -> VirtAddr {
        VirtAddr(self.address.wrapping_add(start as u64))
    }

    /// Copies bytes of the slice, from byte `start` on, into the kernel.
    pub fn read(self, start: usize, to: &mut [u8], caller: &mut Caller) -> Result<(), BadAddress> {
        debug_assert!(start + to.len() <= self.length);
        let thread = caller.thread;
        let result = copy_in(memory().machine(), self.at(start), to, |address, access| {
            resolve(&thread, address, access, &mut caller.held)
        });
        judge(result, caller)
    }

    /// Copies `from` into the slice, from byte `start` on.
    pub fn write(self, start: usize, from: &[u8], caller: &mut Caller) -> Result<(), BadAddress> {
        debug_assert!(start + from.len() <= self.length);
        let thread = caller.thread;
        let result = copy_out(
            memory().machine(),
            self.at(start),
            from,
            |address, access| resolve(&thread, address, access, &mut caller.held),
        );
        judge(result, caller)
    }
}

/// Converts the result of a copy. Kills the program if it has a right to the page, but there is no
/// memory for it or the page is lost, as its own access would have (R7).
fn judge(result: Result<(), CopyError>, caller: &Caller) -> Result<(), BadAddress> {
    result.map_err(|CopyError { copied, why }| {
        match why {
            CopyFailure::Denied => {}
            CopyFailure::NoMemory => out_of_memory(&caller.thread),
            CopyFailure::Lost => page_lost(&caller.thread),
        }
        BadAddress { copied }
    })
}

/// How many bytes of a string are read at a time. The number divides the page size, so no page
/// beyond the string's last is touched.
const STEP: u64 = 64;

/// Copies a string up to its NUL into `to`. Returns its length without the NUL. Fails if `to` is
/// too short.
pub fn read_string(address: u64, to: &mut [u8], caller: &mut Caller) -> Result<usize, BadAddress> {
    let mut copied = 0;
    while copied < to.len() {
        let at = address.wrapping_add(copied as u64);
        let step = ((STEP - at % STEP) as usize).min(to.len() - copied);
        let bytes = &mut to[copied..copied + step];
        UserSlice::new(at, step).read(0, bytes, caller)?;
        if let Some(end) = bytes.iter().position(|&byte| byte == 0) {
            return Ok(copied + end);
        }
        copied += step;
    }
    Err(BadAddress { copied })
}

/// A path that a program passed.
pub struct Path {
    bytes: [u8; PATH_MAX],
    length: usize,
}

impl Path {
    /// Copies the path at `address`. Fails if it is longer than [`PATH_MAX`] with its NUL.
    pub fn read(address: u64, caller: &mut Caller) -> Result<Self, BadAddress> {
        let mut bytes = [0; PATH_MAX];
        let length = read_string(address, &mut bytes, caller)?;
        Ok(Self { bytes, length })
    }

    /// Returns the path without its NUL.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
