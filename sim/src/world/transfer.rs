//! Transfers between memory and the devices of the simulated machine. Neighbours: [`super::swap`]
//! and [`super::files`] begin and end them.

use abi::PAGE_SIZE;
use mm::file::{FilePage, FileRead, WriteBack};
use mm::swap::{SwapIn, SwapOut};

use crate::isa::Isa;
use crate::machine::SimMachine;

/// The contents of a page.
pub(super) type Bytes = [u8; PAGE_SIZE];

/// A transfer that a device has been told to do.
pub(super) enum Transfer<'m, I: Isa> {
    In(SwapIn<'m, SimMachine<I>>),
    /// With the contents of the pages when it began.
    Out(SwapOut<'m, SimMachine<I>>, Vec<Bytes>),
    FromFile(FileRead<'m, SimMachine<I>>),
    ToFile(Leaving<'m, I>),
}

impl<I: Isa> Transfer<'_, I> {
    /// Returns whether the transfer is a write.
    pub(super) fn is_write(&self) -> bool {
        matches!(self, Self::Out(..) | Self::ToFile(_))
    }
}

/// A page that is being written to the disk.
pub(super) struct Leaving<'m, I: Isa> {
    pub(super) page: FilePage,
    pub(super) write: WriteBack<'m, SimMachine<I>>,
    /// The contents of the page when the write began.
    pub(super) bytes: Box<Bytes>,
}

/// How writes that are begun will end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Luck {
    /// Now or later, with success or with an error.
    Any,
    /// With success.
    Good,
}
