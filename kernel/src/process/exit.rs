//! The end of a process. The steps are in an order in which each step is allowed.
//!
//! 1. [`exit`] runs on the thread's own stack, where it may sleep. It releases the files and the
//!    current directory, leaves and frees the address space, and makes init adopt the children.
//! 2. The thread switches away for good. Its hart's loop drops it, which frees the kernel stack
//!    that no thread runs on any more ([`reap_thread`](super::reap::reap_thread)).
//! 3. Only then is the parent told. When `wait` returns, everything that the child had is free, and
//!    a program that compares `memstat` before and after finds equal numbers.

use super::tree::TREE;
use super::{Caller, INIT, mapped, scheduler, standstill};
use crate::arch;
use crate::file::cached;
use crate::println;

/// Ends the calling process with `status`.
pub fn exit(caller: &mut Caller, status: i32) -> ! {
    let Caller { thread, held } = caller;
    let process = &thread.process;
    if process.pid() == INIT {
        println!("init has ended with status {status}, and nothing runs without it");
        arch::power_off(abi::EXIT_STATUS_MAX);
    }
    let files = process.files.lock(held).take();
    files.close(held);
    {
        let mut passage = standstill::pass(held);
        let held = passage.held();
        mapped::end_all(process, held);
        scheduler::leave_space(thread, held);
        let space = process.space.lock(held).take();
        drop(space);
        cached::release_departed(held);
        TREE.lock(held).begin_end(process, status);
    }
    while let Some(orphans) = { TREE.lock(held).pass_children_on(process) } {
        if orphans.reapable {
            orphans.init.child_ended.wake_all();
        }
    }
    scheduler::end(thread, held.as_if())
}
