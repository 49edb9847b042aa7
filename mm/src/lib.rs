//! The memory system: counted frames, page tables, address spaces and copy-on-write fork, for any
//! kernel.
//!
//! A process's memory is a tree: page tables are its inner nodes, frames and swap slots its leaves.
//! Frames and slots are counted. One with more than one referrer is never changed in a way that its
//! referrers could tell apart: a writer first makes a copy of its own. Fork adds references; faults
//! take them apart again, as late as possible.
//!
//! This crate does no I/O, never sleeps and knows no architecture but through [`Machine`], so all
//! of it runs on the host, step by step. Whatever a program can ask for may fail with [`NoMemory`]
//! and never panics.
//!
//! # What a kernel brings
//!
//! - **It implements [`Machine`]**: the format of an entry ([`pt::Sv39`] is one), the address of a
//!   frame's bytes, fences, the index of the hart, copies to and from user addresses.
//! - **It provides memory for the books**: a record of 32 bytes for each frame and one of 12 for
//!   each slot of swap ([`Memory::new`]).
//! - **It calls** [`space::AddressSpace::resolve`] for each page fault and does what the
//!   [`space::Resolution`] says: go on, kill the program, or wait for a device and call again.
//!   [`space::Context::enter`] and [`leave`](space::Context::leave) belong into its context switch.
//! - **It has pages evicted** by [`Memory::reclaim`] when a fault waits for frames, and writes what
//!   that returns. [`Retry`] says when there is no memory left.
//!
//! # What it promises
//!
//! - One thread at a time has an address space mutably; a lock around it may be held while a fault
//!   is resolved, and not while a device is waited for.
//! - A hart that has entered a space leaves it before the space is dropped.
//! - [`Machine::fence_remote`] returns when all those harts have forgotten.
//!
//! # What it costs
//!
//! On a RISC-V hart, by count of instructions: 32 for each resident page of a fork, about 1900 for
//! a fault that copies a page, about 520 for one that gives the last owner its right to write back.
//! A mapped page costs nothing while it is not touched. Locks are held for a walk at most.
//!
//! `examples/plain.rs` has all of it over plain memory: `cargo run --example plain`.
//!
//! # The rooms
//!
//! | room | has |
//! |---|---|
//! | [`addr`] | addresses, frame and page numbers |
//! | `frame` | records, counts and free lists |
//! | [`pt`] | entries and walks |
//! | `tlb` | the order in which rights shrink |
//! | `commit` | who may take a frame, and what is promised |
//! | [`space`] | what a program's memory is made of |
//! | `heap` | kernel objects |
//! | `rmap`, `list` | who maps a frame |
//! | `free`, `asids` | which slots and identifiers are free |
//! | `handshake` | who must fence when a space has changed |
//! | [`swap`], [`mod@file`] | pages on a device, pages of files |
//! | `reclaim` | which frame goes next |
//! | `phys` | the one door to the bytes of a frame |
//! | `stats`, [`audit`] | counters; a recount of everything |

#![cfg_attr(not(test), no_std)]
// Tests may use collections that grow.
#![cfg_attr(test, allow(clippy::disallowed_types, clippy::disallowed_methods))]
#![deny(unsafe_code)]

extern crate alloc;

pub mod addr;
mod asids;
pub mod audit;
mod commit;
pub mod file;
mod frame;
mod free;
mod handshake;
mod heap;
mod list;
// `machine` declares an unsafe contract, and `phys` relies on it.
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

/// The numbers and structures of the system-call interface, in which the items here are expressed.
pub use abi;
pub use commit::{Need, NoMemory, Shortage};
pub use frame::{FrameRecord, OwnedFrame};
pub use machine::Machine;
pub use memory::{Layout, Memory};
pub use reclaim::{NoFrame, Others, ROUND, Reclaimed, Retry, Round};
