//! The memory system: counted frames, page tables, address spaces and copy-on-write fork.
//!
//! A process's memory is a tree: page tables are its inner nodes, frames its leaves. Every node is counted, and a node
//! with more than one referrer is never changed in a way its referrers could tell apart: whoever wants to write makes
//! the path to it its own first. `fork` adds references; faults take them apart again, as late as possible.
//!
//! This crate does no I/O, never sleeps and knows no architecture but through [`Machine`], so all of it runs on the host, step
//! by step. Allocation of what a program can ask for never panics: it answers [`NoMemory`].
//!
//! The rooms: [`addr`] numbers; `frame` records, counts and free lists; [`pt`] entries and walks; `tlb` the order in
//! which rights shrink; `commit` who may take a frame; [`space`] what a program's memory is made of; `heap` kernel
//! objects; `rmap` who maps a frame; `list` how they are found; [`swap`] pages on a device; [`mod@file`] pages of files; `reclaim` which frame goes next; `phys` the one
//! door to bytes; `stats` counters; [`audit`] recounts everything.

#![cfg_attr(not(test), no_std)]
// Tests may grow as they like.
#![cfg_attr(test, allow(clippy::disallowed_types, clippy::disallowed_methods))]
#![deny(unsafe_code)]

extern crate alloc;

pub mod addr;
pub mod audit;
mod commit;
pub mod file;
mod frame;
mod heap;
mod list;
// Declares the unsafe contract; `phys` relies on it.
#[allow(unsafe_code)]
pub mod machine;
mod memory;
#[allow(unsafe_code)]
mod phys;
pub mod pt;
mod reclaim;
mod rmap;
pub mod space;
mod stats;
pub mod swap;
#[cfg(test)]
#[allow(unsafe_code)]
mod testing;
#[cfg(test)]
mod tests;
mod tlb;

pub use commit::{Need, NoMemory, Shortage};
pub use frame::{FrameRecord, OwnedFrame};
pub use machine::Machine;
pub use memory::{Layout, Memory};
pub use reclaim::{NoFrame, ROUND, Reclaimed, Retry, Round};
