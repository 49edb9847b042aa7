//! Page tables: what an entry can be, and the walk from a root to the entry of a page.
//!
//! A table is a frame of 512 atomic entries. An entry is changed by whoever has the address space
//! to itself, with one exception: eviction may replace a present page by its slot at any time
//! ([`crate::rmap`]). The hardware sets accessed and dirty bits at any time, too. So live entries
//! change by atomic operations, and those that depend on what an entry was compare it
//! ([`Table::replace`]). Only the owner of the space makes an entry empty, or an empty one
//! something else.
//!
//! Entries that are not valid are the kernel's to use: an all-zero word is empty, so a zeroed frame
//! is an empty table.
//!
//! [`Format`] knows where each architecture has its bits, [`Pte`] names what they mean. Neighbours:
//! [`crate::space`] decides, this room encodes; [`crate::tlb`] orders the changes.

mod format;
mod locks;
mod pte;
mod sv39;
mod user;
mod walk;
mod x86_64;

pub use format::{Entry, Format, Permissions};
pub(crate) use locks::TableLocks;
pub(crate) use pte::AtomicPte;
pub use pte::Pte;
pub use sv39::Sv39;
pub use user::{UserPage, UserRange};
pub(crate) use walk::{Table, Walk};
pub use x86_64::X86_64;

/// The number of entries of a table.
pub const ENTRIES: usize = 512;
