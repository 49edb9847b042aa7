//! What an architecture says about its entries.
//!
//! A format speaks of words, as the hardware does. The rest of the crate uses [`Pte`](super::Pte).

use core::fmt::Debug;

use bitflags::bitflags;

use super::user::UserPage;
use crate::addr::{FrameNo, SlotNo, VirtAddr};

bitflags! {
    /// What a program may do with a page.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Permissions: u8 {
        /// Load from it.
        const READ = 1;
        /// Store to it; implies reading, for a page that can be written and not read is reserved on
        /// RISC-V.
        const WRITE = 2;
        /// Fetch instructions from it.
        const EXECUTE = 4;
    }
}

/// What an entry says, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing is here.
    Empty,
    /// A lower table.
    Table(FrameNo),
    /// A page that is in a frame; also one that nobody may touch, which the hardware takes for
    /// absent.
    Page(FrameNo),
    /// A page whose contents are in a swap slot.
    Swapped(SlotNo),
    /// A shared page that was evicted: the object it belongs to knows where it is.
    Evicted,
}

/// The entry format and the shape of the tree. Levels count from the leaves: a table at level 0
/// maps pages.
///
/// Invariant of every page entry this crate makes: [`Format::WRITABLE`] only together with
/// [`Format::MAY_WRITE`]. The first is what the hardware obeys; the second is the copy-on-write
/// mark, a software bit that tells a page which may become writable from one that never may (text).
pub trait Format: Copy + Eq + Debug + 'static {
    /// How many levels a walk has.
    const LEVELS: usize;
    /// The end of a program's addresses, page-aligned, and below what the entry
    /// [`Format::KERNEL_ROOT`] spans.
    const USER_TOP: VirtAddr;
    /// The first root entry that belongs to the kernel; those from here on are the same in every
    /// root.
    const KERNEL_ROOT: usize;
    /// Permissions that the hardware cannot give without reading.
    const READ_IMPLIED_BY: Permissions;
    /// The bit that lets the program write.
    const WRITABLE: u64;
    /// The software bit: the area allows writing, once the page is the writer's own.
    const MAY_WRITE: u64;
    /// The bit that lets the program read.
    const READABLE: u64;
    /// The software bit of a page that is not the process's own: others may have it and write it
    /// too.
    const SHARED: u64;
    /// The word of [`Entry::Evicted`].
    const EVICTED: u64;
    /// The bits that say a page was used; the hardware may set them, or trap when they are clear.
    const ACCESSED: u64;
    /// The bit that says a page was written; likewise.
    const DIRTY: u64;

    /// Returns an entry for a page, accessed already and, if nobody may do anything with it, not
    /// valid; with `MAY_WRITE` where the permissions have it, without `WRITABLE`.
    fn page(frame: FrameNo, permissions: Permissions) -> u64;

    /// Returns the page entry `word`, now for a frame that is its space's alone: writable if it may
    /// be.
    fn with_frame(word: u64, frame: FrameNo) -> u64;

    /// Returns the entry of a page or a swapped page, with other rights: `MAY_WRITE` as they say,
    /// `WRITABLE` only if it was and they have it.
    fn with_permissions(word: u64, permissions: Permissions) -> u64;

    /// Returns the entry of a present page, now that its contents are in a slot: not present, with
    /// the rights and the copy-on-write mark it had.
    fn swapped(word: u64, slot: SlotNo) -> u64;

    /// Returns the entry of a swapped page, now that it is in a frame again: accessed, with the
    /// rights and the mark it had, without `WRITABLE`.
    fn swapped_in(word: u64, frame: FrameNo) -> u64;

    /// Returns an entry for a lower table.
    fn table(frame: FrameNo) -> u64;

    /// Returns what a word at a level means.
    fn decode(word: u64, level: usize) -> Entry;

    /// Returns whether a page entry lets programs fetch instructions.
    fn executable(word: u64) -> bool;

    /// Returns the index of a page's entry in its table of `level`.
    fn index(page: UserPage, level: usize) -> usize {
        (page.0 >> (9 * level)) as usize & (super::ENTRIES - 1)
    }
}
