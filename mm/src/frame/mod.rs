//! Frames: the record of each, the counts, and the lists of free ones.
//!
//! Invariants:
//! - a frame's count is the number of references to it: table entries, roots and owners in the
//!   kernel (R1); it is on a free list exactly when the count is 0;
//! - a frame is reserved before it is allocated ([`crate::commit`]), so [`allocator`] always finds
//!   one;
//! - a count is raised only by the holder of a reference, or by one step from a value that is not
//!   0, so it never rises from 0.
//!
//! Neighbours: [`crate::phys`] reaches the bytes; [`crate::commit`] decides who may take a frame.

pub(crate) mod allocator;
mod owned;
mod record;
mod table;
mod views;

pub use owned::OwnedFrame;
pub use record::FrameRecord;
pub(crate) use record::{Cached, Kind};
pub(crate) use table::FrameTable;
pub(crate) use views::TableRecord;
