//! The Cowslip kernel: the binary that puts the rooms together.
//!
//! `arch` is the boundary to the hardware, and `boot` the order in which everything starts. `given`
//! has the board and the options that all others read.
//! `memory` is the one instance of the memory system (crate `mm`), and `stack` the kernel stacks.
//! `park` stops all harts but one; `stretch` measures how long the kernel cannot be pre-empted.
//! `device`, `console` and `time` handle devices. `process`, `syscall`, `file` and `user_memory`
//! are the interface for programs. Decisions that need no hardware are made in `mm`, `fs` and
//! `kernel_logic`, where host tests reach them.

#![no_std]
#![no_main]

extern crate alloc;

mod arch;
mod boot;
mod console;
mod device;
mod file;
mod given;
mod log;
mod memory;
mod once;
mod panic;
mod park;
mod process;
mod stack;
mod stretch;
mod syscall;
mod time;
mod user_memory;
