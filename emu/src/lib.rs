//! A RISC-V machine that is out to break kernels, and able to say why one broke.
//!
//! It runs whole kernels (RV64GC, three privilege modes, the devices of QEMU's `virt` board) the
//! same way every time: the seed, the kernel, the disk and what is typed determine each
//! instruction. It can be as unkind as the specifications allow ([`adversity`]) and watches what
//! the kernel does ([`sanitize`]). Everything is safe Rust without the standard library, so it runs
//! in WebAssembly, too. `docs/emu.md` explains the design; `cargo xtask emu` is the command.
//!
//! From the outside in: [`Machine`] owns harts and a [`board::Board`], runs turns and takes
//! snapshots; [`exec`] runs instructions of one hart; [`mmu`] translates for it; [`device`]
//! answers.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod adversity;
pub mod board;
mod code;
pub mod decode;
pub mod device;
mod early;
mod exec;
mod fdt;
pub mod hart;
pub mod history;
pub mod image;
mod machine;
pub mod mmu;
pub mod ram;
pub mod replay;
pub mod rng;
pub mod sanitize;
mod saved;
mod sbi;
pub mod session;
mod snapshot;
mod store_buffer;
mod stored;
pub mod symbols;

pub use machine::{Boot, Config, Disk, Machine, Rules, Start, Stop, Turn, Typed};
pub use snapshot::Snapshot;

/// Most harts of a machine.
pub const HARTS_MAX: usize = 8;
