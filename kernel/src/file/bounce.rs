//! Buffers for data between the file system and a program.

use core::ops::{Deref, DerefMut};

use mm::{Need, OwnedFrame};

use crate::arch::Machine;
use crate::memory::memory;

/// The size of a buffer on the kernel stack.
pub const SMALL: usize = 512;

/// A buffer. It is a page for large transfers, and a part of the stack for small ones or if no page
/// is free.
pub struct Bounce {
    small: [u8; SMALL],
    page: Option<OwnedFrame<'static, Machine>>,
}

impl Bounce {
    /// Returns a buffer for a transfer of `length` bytes, which may take several steps.
    pub fn for_length(length: usize) -> Self {
        Self {
            small: [0; SMALL],
            page: if length > SMALL {
                memory().frame_for_kernel(Need::Passing).ok()
            } else {
                None
            },
        }
    }
}

impl Deref for Bounce {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.page {
            Some(page) => page.bytes(),
            None => &self.small,
        }
    }
}

impl DerefMut for Bounce {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.page {
            Some(page) => page.bytes_mut(),
            None => &mut self.small,
        }
    }
}
