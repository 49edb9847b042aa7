//! The arguments of a program, moved from the old image to the new one.
//!
//! The arguments may exist only in the old image. They are therefore collected in a page of the
//! kernel, and then laid out in the new stack page.

use abi::ARG_MAX;
use kernel_logic::stack_page;
use mm::{Need, NoMemory, OwnedFrame};

use super::Caller;
use crate::arch::Machine;
use crate::memory::memory;
use crate::user_memory::{BadAddress, UserSlice, read_string};

const POINTER: usize = size_of::<u64>();

/// The argument strings, one after the other, each with its NUL.
pub struct Arguments {
    strings: OwnedFrame<'static, Machine>,
    used: usize,
    starts: [u16; ARG_MAX],
    count: usize,
}

/// The position of the arguments in the new image.
pub struct Placed {
    /// The number of arguments.
    pub count: u64,
    /// The address of the vector. The stack below it is free.
    pub vector: u64,
}

/// The reason why arguments were refused.
#[derive(Clone, Copy, Debug)]
pub enum Refused {
    /// More than [`ARG_MAX`] of them, or more bytes than the stack page has.
    TooMuch,
    /// The program passed a bad address.
    BadAddress,
    /// There is no memory to collect them in.
    NoMemory,
}

impl From<BadAddress> for Refused {
    fn from(_: BadAddress) -> Self {
        Self::BadAddress
    }
}

impl From<NoMemory> for Refused {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl Arguments {
    fn new() -> Result<Self, NoMemory> {
        Ok(Self {
            strings: memory().frame_for_kernel(Need::Passing)?,
            used: 0,
            starts: [0; ARG_MAX],
            count: 0,
        })
    }

    /// Returns the arguments that the kernel passes to a program.
    pub fn from_kernel(arguments: &[&str]) -> Result<Self, Refused> {
        let mut collected = Self::new()?;
        for argument in arguments {
            collected.push(|room| {
                let bytes = room.get_mut(..argument.len() + 1).ok_or(Refused::TooMuch)?;
                bytes[..argument.len()].copy_from_slice(argument.as_bytes());
                bytes[argument.len()] = 0;
                Ok(argument.len())
            })?;
        }
        Ok(collected)
    }

    /// Returns the arguments of the caller's vector at address `vector`, which ends with 0.
    pub fn from_user(vector: u64, caller: &mut Caller) -> Result<Self, Refused> {
        let mut collected = Self::new()?;
        let vector = UserSlice::new(vector, (ARG_MAX + 1) * POINTER);
        for index in 0..=ARG_MAX {
            let mut pointer = [0; POINTER];
            vector.read(index * POINTER, &mut pointer, caller)?;
            let address = u64::from_le_bytes(pointer);
            if address == 0 {
                return Ok(collected);
            }
            collected.push(|room| Ok(read_string(address, room, caller)?))?;
        }
        Err(Refused::TooMuch)
    }

    /// Adds one string. `fill` writes the string with its NUL, and returns its length without the
    /// NUL.
    fn push(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, Refused>,
    ) -> Result<(), Refused> {
        let start = self.starts.get_mut(self.count).ok_or(Refused::TooMuch)?;
        *start = self.used as u16;
        self.used += fill(&mut self.strings.bytes_mut()[self.used..])? + 1;
        self.count += 1;
        Ok(())
    }

    /// Lays the arguments out in the stack page at `address`. Returns `None` if they do not fit
    /// together with their vector.
    pub fn place(&self, page: &mut [u8], address: u64) -> Option<Placed> {
        let strings = &self.strings.bytes()[..self.used];
        let vector = stack_page::fill(page, address, strings, &self.starts[..self.count])?;
        Some(Placed {
            count: self.count as u64,
            vector,
        })
    }
}
