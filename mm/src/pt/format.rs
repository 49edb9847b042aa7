//! The format of page-table entries, which each architecture defines.
//!
//! A format works on words, as the hardware does. The rest of the crate uses [`Pte`](super::Pte).

use core::fmt::Debug;

use bitflags::bitflags;

use super::user::UserPage;
use crate::addr::{FrameNo, SlotNo, VirtAddr};

bitflags! {
    /// The accesses that a program may make to a page.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Permissions: u8 {
        /// Loads.
        const READ = 1;
        /// Stores. They imply loads, because RISC-V reserves the encoding of a page that can be
        /// written but not read.
        const WRITE = 2;
        /// Instruction fetches.
        const EXECUTE = 4;
    }
}

/// The decoded meaning of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The entry is empty.
    Empty,
    /// The entry points to a lower table.
    Table(FrameNo),
    /// The entry is for a page in a frame. The page may have no rights, and is absent for the
    /// hardware then.
    Page(FrameNo),
    /// The page's contents are in a swap slot.
    Swapped(SlotNo),
    /// The page is shared and was evicted. Its object or file knows where its contents are.
    Evicted,
}

/// The entry format and the shape of the tree. Levels count from the leaves: a table at level 0
/// maps pages.
///
/// Invariant of every page entry this crate makes: [`Format::WRITABLE`] only together with
/// [`Format::MAY_WRITE`]. The first is what the hardware obeys; the second is the copy-on-write
/// mark, a software bit that tells a page which may become writable from one that never may (text).
pub trait Format: Copy + Eq + Debug + 'static {
    /// The number of levels of a walk.
    const LEVELS: usize;
    /// The end of programs' addresses. It is page-aligned, and not above the first address of the
    /// entry [`Format::KERNEL_ROOT`].
    const USER_TOP: VirtAddr;
    /// The first root entry of the kernel's half. The entries from there on are equal in every
    /// root.
    const KERNEL_ROOT: usize;
    /// The permissions that the hardware cannot give without reading.
    const READ_IMPLIED_BY: Permissions;
    /// The bit that lets the program write.
    const WRITABLE: u64;
    /// The software bit of a page that the program may write once the page is the program's own,
    /// because its area allows it.
    const MAY_WRITE: u64;
    /// The bit that lets the program read.
    const READABLE: u64;
    /// The software bit of a page that is not the process's own: others may have it and write it
    /// too. In an upper entry: of a table that may have other referrers.
    const SHARED: u64;
    /// The word of [`Entry::Evicted`].
    const EVICTED: u64;
    /// The bits of a page that was used. The hardware sets them, or traps while they are clear.
    const ACCESSED: u64;
    /// The bit of a page that was written. The hardware sets it, or traps while it is clear.
    const DIRTY: u64;

    /// Returns an entry for a page: accessed, without `WRITABLE`, and with `MAY_WRITE` if the
    /// permissions have it. If there are no permissions, the entry is not valid.
    fn page(frame: FrameNo, permissions: Permissions) -> u64;

    /// Returns the page entry `word` with another frame, which belongs to its space alone. It is
    /// writable if `MAY_WRITE` is set.
    fn with_frame(word: u64, frame: FrameNo) -> u64;

    /// Returns the entry of a page or a swapped page with other permissions. `MAY_WRITE` is set as
    /// they say. `WRITABLE` stays set only if they allow writing.
    fn with_permissions(word: u64, permissions: Permissions) -> u64;

    /// Returns the entry of a present page after its contents went to a slot. It is not present,
    /// and keeps the rights and the copy-on-write mark.
    fn swapped(word: u64, slot: SlotNo) -> u64;

    /// Returns the entry of a swapped page after it came back to a frame. It is accessed, has no
    /// `WRITABLE`, and keeps the rights and the copy-on-write mark.
    fn swapped_in(word: u64, frame: FrameNo) -> u64;

    /// Returns an entry for a lower table.
    fn table(frame: FrameNo) -> u64;

    /// Returns an entry for a leaf table that may have other referrers: with [`Format::SHARED`],
    /// and such that the hardware can write nothing through it.
    fn closed_link(frame: FrameNo) -> u64;

    /// Returns the same for a table in which no entry is writable: the hardware can read through
    /// it.
    fn protected_link(frame: FrameNo) -> u64;

    /// Returns whether the hardware goes on to the table of an upper entry.
    fn is_followed(word: u64) -> bool;

    /// Returns what a word at a level means.
    fn decode(word: u64, level: usize) -> Entry;

    /// Returns whether a page entry lets programs fetch instructions.
    fn executable(word: u64) -> bool;

    /// Returns the index of a page's entry in its table of `level`.
    fn index(page: UserPage, level: usize) -> usize {
        (page.0 >> (9 * level)) as usize & (super::ENTRIES - 1)
    }
}
