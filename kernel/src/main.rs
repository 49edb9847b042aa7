//! The Cowslip kernel: the binary that puts the rooms together.
//!
//! `arch` is the boundary to the hardware, and `boot` the order in which everything starts. `given`
//! has the board and the options, which all others may read. `memory` is the one instance of the
//! memory system (crate `mm`), and `stack` the kernel stacks. `park` stops all harts but one;
//! `stretch` measures how long the kernel cannot be pre-empted. `device`, `console` and `time`
//! handle devices. `process`, `syscall`, `file` and `user_memory` are the interface for programs.
//! Decisions that need no hardware are made in `mm`, `fs` and `kernel_logic`, where host tests
//! reach them.

#![no_std]
#![no_main]
// Only the modules that say why may contain unsafe code.
#![deny(unsafe_code)]

extern crate alloc;

#[expect(unsafe_code, reason = "registers, tables and traps of the processor")]
mod arch;
#[expect(unsafe_code, reason = "the change to the guarded stack")]
mod boot;
mod console;
mod device;
mod file;
mod given;
mod log;
#[expect(unsafe_code, reason = "the global allocator; its first tables")]
mod memory;
#[expect(unsafe_code, reason = "a value that is read without a lock")]
mod once;
mod panic;
mod park;
mod process;
#[expect(unsafe_code, reason = "the registers at the top of a kernel stack")]
mod stack;
mod stretch;
mod syscall;
mod time;
mod user_memory;
