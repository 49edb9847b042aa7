//! The answer of [`AddressSpace::resolve`](super::AddressSpace::resolve) to a fault of a program,
//! or of the kernel on its behalf: who acts next. `resolve` itself never waits (R8).

use core::fmt;

use crate::file::FileRead;
use crate::machine::Machine;
use crate::swap::{PageWait, SwapIn};

/// The access that was tried.
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
    /// The program: its access succeeds now.
    Done,
    /// The kernel: it waits, and then resolves again (R8).
    Wait(Wait<'m, M>),
    /// The kernel: the access is not permitted.
    Denied,
    /// The kernel: there is no memory for the page (R7).
    NoMemory,
    /// The kernel: the device failed to give back a page that is in swap or in a file.
    Lost,
}

/// Two answers are equal if the same party acts next in the same way. A wait is equal to nothing.
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
    /// The page is being read by another thread.
    Page(PageWait<'m, M>),
    /// The caller reads the page from swap.
    Read(SwapIn<'m, M>),
    /// The caller reads the page from its file. If the file has no such page, the answer is
    /// [`Resolution::Denied`]; if it cannot be read, [`Resolution::Lost`].
    File(FileRead<'m, M>),
    /// No frame is free: the caller reclaims some ([`crate::Memory::reclaim`]). If none can be
    /// reclaimed, the answer is [`Resolution::NoMemory`].
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
