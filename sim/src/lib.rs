//! A machine that is out to break the memory system, and a model to compare it with.
//!
//! QEMU forgives what hardware does not: stale translations rarely show, and harts interleave
//! tamely. Here `mm` runs, unchanged, on a machine whose TLBs keep every translation until a fence
//! covers it, and on which other harts act whenever `mm` waits for a fence or copies a page. Every
//! word that a program loads, stores or fetches is compared with the [`model`]: a process is a
//! plain map from page to contents, and a [`mod@file`] is a plain list of pages, whether it is
//! read, written or mapped. After every step the books are audited; at the end the disk must have
//! what the model has.
//!
//! A program is a list of steps, each made of one number, so a failing program shrinks to the steps
//! that matter and is printed with the seed it came from.
//!
//! The rooms: [`ram`] the bytes; [`tlb`] what a hart remembers, [`walker`] how it translates,
//! [`machine`] the whole as `mm` sees it; [`model`] and [`mod@file`] what must hold; [`step`] what
//! can happen; [`world`] makes it happen; [`run`] many programs.
//!
//! Everything in one program happens on one thread, so a seed always tells the same story. What two
//! harts do is interleaved at the calls that `mm` makes into the machine; interleavings at single
//! atomic operations are explored by other means.

// `machine` implements an unsafe contract of `mm`, `ram` is what makes it true.
#![deny(unsafe_code)]

pub mod file;
pub mod isa;
#[allow(unsafe_code)]
pub mod machine;
pub mod model;
pub mod ram;
pub mod run;
mod shrink;
pub mod step;
pub mod tlb;
pub mod walker;
pub mod world;
