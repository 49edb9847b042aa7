//! Page tables: what an entry can be, and the walk from a root to the entry of a page.
//!
//! A table is a frame of 512 atomic words. An entry is changed only by whoever has the address space to itself;
//! the hardware sets accessed and dirty bits at any time, so live entries change by atomic operations.
//!
//! Entries that are not valid are the kernel's to use: bits 1..=2 tell the kind (0 empty; 1 to 3 are kept
//! for pages without access, swapped pages and shared tables, which come with later rooms), the
//! rest is payload. An all-zero word is empty, so a zeroed frame is an empty table.
//!
//! Neighbours: [`crate::space`] decides, this room encodes; [`crate::tlb`] orders the changes.

mod format;
mod sv39;
mod walk;

pub use format::{Entry, Format, Permissions};
pub use sv39::Sv39;
pub(crate) use walk::{Table, Walk};

/// Entries in a table.
pub const ENTRIES: usize = 512;
