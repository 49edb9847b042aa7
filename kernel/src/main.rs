//! The Cowslip kernel: the binary that puts the rooms together.
//!
//! `arch` is the boundary to the hardware; `boot` tells in which order everything comes up;
//! `memory` is the one instance of the memory system (crate `mm`) and `stack` the kernel stacks;
//! `park` leaves one hart alone; `stretch` measures how long the kernel cannot be pre-empted;
//! `device`, `console` and `time` deal with what is outside; `process`, `syscall`, `file` and
//! `user_memory` are what programs see. Decisions that need no hardware are made in `mm`, `fs` and
//! `kernel_logic`, where host tests reach them.

#![no_std]
#![no_main]

extern crate alloc;

mod arch;
mod boot;
mod console;
mod device;
mod file;
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
