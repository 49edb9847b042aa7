//! Who acts next when a program, or the kernel for it, has touched a page that the hardware refuses: the answer of
//! [`AddressSpace::resolve`](super::AddressSpace::resolve), which never waits itself (R8).

use core::fmt;

use crate::file::FileRead;
use crate::machine::Machine;
use crate::swap::{PageWait, SwapIn};

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// Who acts next.
#[must_use]
pub enum Resolution<'m, M: Machine> {
    /// The toucher: try again, it will work.
    Done,
    /// The kernel, which then resolves again (R8).
    Wait(Wait<'m, M>),
    /// The kernel: the program may not do this.
    Denied,
    /// The kernel: there is no memory for it (R7).
    NoMemory,
    /// The kernel: the page is in swap or in a file, and the device does not give it back.
    Lost,
}

/// Two answers are equal if the same party acts next, in the same way. No wait is equal to another.
impl<M: Machine> PartialEq for Resolution<'_, M> {
    fn eq(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::Done, Self::Done)
                | (Self::Denied, Self::Denied)
                | (Self::NoMemory, Self::NoMemory)
                | (Self::Lost, Self::Lost)
        )
    }
}

/// What must happen before a fault can be resolved.
#[must_use]
pub enum Wait<'m, M: Machine> {
    /// Somebody reads the page.
    Page(PageWait<'m, M>),
    /// The caller is to read it from swap.
    Read(SwapIn<'m, M>),
    /// The caller is to read it from its file. If the file has no such page, the answer is [`Resolution::Denied`]; if it cannot be
    /// read, [`Resolution::Lost`].
    File(FileRead<'m, M>),
    /// No frame is free: the caller is to reclaim one ([`crate::Memory::reclaim`]). If there is none to be had, the
    /// answer is [`Resolution::NoMemory`].
    Frames,
}

impl<M: Machine> fmt::Debug for Resolution<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "Done",
            Self::Wait(Wait::Page(_)) => "Wait for the page",
            Self::Wait(Wait::Read(_)) => "Wait for a read",
            Self::Wait(Wait::File(_)) => "Wait for a file",
            Self::Wait(Wait::Frames) => "Wait for a frame",
            Self::Denied => "Denied",
            Self::NoMemory => "NoMemory",
            Self::Lost => "Lost",
        })
    }
}
