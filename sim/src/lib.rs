//! A simulated machine that is out to break the memory system, and a model to compare it with.
//!
//! QEMU forgives mistakes that hardware does not: stale translations rarely show, and harts
//! interleave tamely. Here `mm` runs, unchanged, on a machine whose TLBs keep every translation
//! until a fence covers it, and on which other harts act whenever `mm` waits for a fence or copies
//! a page. Every word that a program loads, stores or fetches is compared with the [`model`]. In
//! the model, a process is a plain map from page to contents, and a [`mod@file`] is a plain list of
//! pages, whether it is read, written or mapped. The memory system is audited after every step. At
//! the end, the disk must have the contents of the model.
//!
//! A program is a list of steps, each made from one number. A failing program is shrunk to the
//! steps that matter, and printed with the seed that it came from.
//!
//! The rooms: [`ram`] has the bytes; [`tlb`] is the memory of a hart for translations, [`walker`]
//! translates, and [`machine`] is the whole machine that `mm` sees; [`words`] are the contents of a
//! page, of which [`model`] and [`mod@file`] state what must hold; [`step`] lists the possible
//! steps; [`world`] carries them out; [`run`] runs many programs.
//!
//! Each program runs on one thread of the host, so a seed always produces the same run. The steps
//! of several harts are interleaved at the calls of `mm` into the machine. Interleavings of single
//! atomic operations are explored by the model checkers (`sync::model`).

// `machine` implements an unsafe contract of `mm`; `ram` makes its promises true.
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
pub mod words;
pub mod world;
