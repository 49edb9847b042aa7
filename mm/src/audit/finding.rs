//! The findings of an audit.

use core::fmt;

use crate::addr::{FrameNo, PageNo, SlotNo};
use crate::frame::Kind;

/// A record that differs from what was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A frame's count is not its number of referrers.
    Count {
        /// The frame.
        frame: FrameNo,
        /// What the frame is used for.
        kind: &'static str,
        /// The count in its record.
        recorded: u32,
        /// The number of entries, roots and owners that were found.
        found: u32,
    },
    /// A slot's count is not its number of referrers.
    Slot {
        /// The slot.
        slot: SlotNo,
        /// The count in its record.
        recorded: u32,
        /// The number of entries and caches that were found to refer to it.
        found: u32,
    },
    /// A frame and a slot are in the swap cache together, and one of them does not name the other.
    Cache {
        /// The frame.
        frame: FrameNo,
        /// The slot.
        slot: SlotNo,
    },
    /// A page can be written although it is shared, or although its area never allows writing.
    Writable {
        /// The page.
        page: PageNo,
        /// Its frame.
        frame: FrameNo,
        /// The number of references to the frame.
        references: u32,
    },
    /// The hardware may write through an upper entry whose table has several referrers.
    Open {
        /// The first page below it.
        page: PageNo,
        /// The frame of the table.
        frame: FrameNo,
        /// How many references the table has.
        references: u32,
    },
    /// A table that may be shared is said to have no writable entry, and has one; or the hardware
    /// may read through an upper entry whose table is not protected.
    Unprotected {
        /// The first page of the table.
        page: PageNo,
        /// The frame of the table.
        frame: FrameNo,
    },
    /// A frame has a page of a file, and is mapped where another page should be, or as a page of
    /// the process's own.
    Foreign {
        /// The page.
        page: PageNo,
        /// Its frame.
        frame: FrameNo,
    },
    /// An entry or a table is where no area is.
    Stray {
        /// The first page that it is for.
        page: PageNo,
    },
    /// A total is wrong.
    Total {
        /// The name of the total.
        what: &'static str,
        /// The recorded total.
        kept: u64,
        /// The counted total.
        found: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Count {
                frame,
                kind,
                recorded,
                found,
            } => write!(
                f,
                "frame {:#x} ({kind}) has a count of {recorded}, but {found} refer to it",
                frame.0
            ),
            Self::Slot {
                slot,
                recorded,
                found,
            } => write!(
                f,
                "slot {:#x} has a count of {recorded}, but {found} refer to it",
                slot.0
            ),
            Self::Cache { frame, slot } => write!(
                f,
                "frame {:#x} and slot {:#x} do not both say that they have the same contents",
                frame.0, slot.0
            ),
            Self::Writable {
                page,
                frame,
                references,
            } => write!(
                f,
                "page {:#x} can be written, but must not: its frame {:#x} has {references} references",
                page.0, frame.0
            ),
            Self::Open {
                page,
                frame,
                references,
            } => write!(
                f,
                "what is from page {:#x} on can be written, but its table {:#x} has {references} referrers",
                page.0, frame.0
            ),
            Self::Unprotected { page, frame } => write!(
                f,
                "the table {:#x} from page {:#x} on may be shared, and is not protected as it says",
                frame.0, page.0
            ),
            Self::Foreign { page, frame } => write!(
                f,
                "page {:#x} is mapped to frame {:#x}, which has a page of a file that does not belong there",
                page.0, frame.0
            ),
            Self::Stray { page } => {
                write!(f, "there is an entry for page {:#x}, but no area", page.0)
            }
            Self::Total { what, kept, found } => {
                write!(f, "{what}: {kept} by the books, {found} by counting")
            }
        }
    }
}

impl Finding {
    /// Returns the frame that the finding is about.
    pub fn frame(&self) -> Option<FrameNo> {
        match *self {
            Self::Count { frame, .. }
            | Self::Cache { frame, .. }
            | Self::Writable { frame, .. }
            | Self::Open { frame, .. }
            | Self::Unprotected { frame, .. }
            | Self::Foreign { frame, .. } => Some(frame),
            Self::Slot { .. } | Self::Stray { .. } | Self::Total { .. } => None,
        }
    }

    /// Returns whether the finding may be gone at the next audit even though address spaces stand
    /// still. A thread that is taking or freeing a frame may have it in no list and in no total,
    /// and its record is not up to date then.
    pub fn may_pass(&self) -> bool {
        match *self {
            Self::Count { kind, .. } => kind == Kind::Kernel.name(),
            Self::Slot { .. }
            | Self::Cache { .. }
            | Self::Writable { .. }
            | Self::Open { .. }
            | Self::Unprotected { .. }
            | Self::Foreign { .. }
            | Self::Stray { .. } => false,
            Self::Total { .. } => true,
        }
    }
}

/// Compares a total with what was counted.
pub(super) fn total(what: &'static str, kept: u64, found: u64) -> Result<(), Finding> {
    if kept == found {
        Ok(())
    } else {
        Err(Finding::Total { what, kept, found })
    }
}
