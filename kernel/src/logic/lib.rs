//! The parts of the kernel that need no machine, so host tests check their decisions in
//! milliseconds.
//!
//! Invariants: no `unsafe`, no device, no lock, no allocation. Neighbours: the kernel's binary
//! (`main.rs`) passes bytes from the device tree and the serial line to these parts, and acts on
//! their answers.

#![cfg_attr(not(test), no_std)]
// Tests may grow as they like.
#![cfg_attr(test, allow(clippy::disallowed_types, clippy::disallowed_methods))]
#![forbid(unsafe_code)]

// Here and not in the binary, whose many other errors on a host would hide it.
#[cfg(all(feature = "cargo-xtask", not(target_os = "none")))]
compile_error!(
    "the kernel runs on a bare machine, not on this host: build and boot it with `cargo xtask run`"
);

pub mod board;
pub mod command_line;
pub mod elf;
#[cfg(test)]
mod fuzz;
pub mod line;
pub mod list;
pub mod ring;
pub mod stack_page;
pub mod stack_slot;
