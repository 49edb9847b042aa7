//! Answers to a program's traps: page faults are resolved, and programs that fault badly are
//! killed.
//! Every function here acts on the process that trapped, and on no other. Killing a process prints
//! the reason and marks the process; [`before_user`] finds the mark on the way back to user mode.

use abi::FAILURE;
use mm::Retry;
use mm::addr::VirtAddr;
use mm::space::copy::CopyFailure;
use mm::space::{Access, Resolution};
use sync::{Held, level};

use super::{Caller, Current, Space, current, exit, pager, scheduler};
use crate::arch::{self, Machine, UserRegisters};
use crate::memory::memory;
use crate::println;

/// The status that the parent of a killed process gets.
const KILLED: i32 = FAILURE as i32;

/// Resolves a page fault of a program at `address`, or kills the program.
#[inline(never)]
pub fn user_fault(registers: &UserRegisters, address: VirtAddr, access: Access) {
    let Caller { thread, mut held } = Caller::at_start();
    let resolve = |space: &mut Space| space.resolve(address, access);
    match resolve_fault(&thread, &mut held, resolve) {
        Ok(()) => {}
        Err(CopyFailure::Denied) => {
            let what = match access {
                Access::Read => "load",
                Access::Write => "store",
                Access::Execute => "instruction",
            };
            kill_with_reason(
                &thread,
                format_args!(
                    "{what} page fault at {:#x}, pc {:#x}",
                    address.0,
                    registers.pc()
                ),
            );
        }
        Err(CopyFailure::NoMemory) => out_of_memory(&thread),
        Err(CopyFailure::Lost) => page_lost(&thread),
    }
}

/// Resolves a fault that the kernel met at `address` while it served the calling thread's program.
/// It is resolved by the function that resolves the program's own faults (R6).
pub fn resolve(
    thread: &Current,
    address: VirtAddr,
    access: Access,
    held: &mut Held<level::Nothing>,
) -> Result<(), CopyFailure> {
    resolve_fault(thread, held, |space| space.resolve(address, access))
}

/// Makes `mm` resolve a fault, and does the waiting that `mm` asks for, until the fault is resolved
/// or refused.
#[inline]
fn resolve_fault(
    thread: &Current,
    held: &mut Held<level::Nothing>,
    resolve: impl Fn(&mut Space) -> Resolution<'static, Machine>,
) -> Result<(), CopyFailure> {
    match resolve_once(thread, held, &resolve) {
        Resolution::Done => {
            pager::note_shortage();
            Ok(())
        }
        other => resolve_with_waits(thread, held, other, &resolve),
    }
}

fn resolve_once(
    thread: &Current,
    held: &mut Held<level::Nothing>,
    resolve: impl Fn(&mut Space) -> Resolution<'static, Machine>,
) -> Resolution<'static, Machine> {
    match &mut *thread.process.space.lock(held) {
        Some(space) => resolve(space),
        None => Resolution::Denied,
    }
}

/// Waits and retries the fault for as long as [`Retry`] allows. Every wait ends: a disk answers,
/// and a round of reclaim is short.
#[cold]
fn resolve_with_waits(
    thread: &Current,
    held: &mut Held<level::Nothing>,
    mut resolution: Resolution<'static, Machine>,
    resolve: &dyn Fn(&mut Space) -> Resolution<'static, Machine>,
) -> Result<(), CopyFailure> {
    // The page stays pinned until the fault has been tried again (R8).
    let mut page = None;
    let mut retry = Retry::new();
    loop {
        let wait = match resolution {
            Resolution::Done => return Ok(()),
            Resolution::Denied => return Err(CopyFailure::Denied),
            Resolution::NoMemory => return Err(CopyFailure::NoMemory),
            Resolution::Lost => return Err(CopyFailure::Lost),
            Resolution::Wait(wait) => wait,
        };
        drop(page);
        page = pager::wait(wait, &mut retry, held)?;
        resolution = resolve_once(thread, held, resolve);
    }
}

/// Kills a program for an exception that is no page fault.
pub fn user_exception(registers: &UserRegisters, cause: &str, detail: u64) {
    let thread = Caller::at_start().thread;
    kill_with_reason(
        &thread,
        format_args!("{cause} ({detail:#x}), pc {:#x}", registers.pc()),
    );
}

/// Kills the calling process because there is no memory for a page that was not promised.
pub fn out_of_memory(thread: &Current) {
    memory().note_killed();
    kill_with_reason(thread, format_args!("out of memory"));
}

/// Kills the calling process because the device failed to give back one of its pages.
pub fn page_lost(thread: &Current) {
    kill_with_reason(
        thread,
        format_args!("a page of it cannot be read from the disk"),
    );
}

fn kill_with_reason(thread: &Current, why: core::fmt::Arguments) {
    let process = &thread.process;
    println!(
        "pid {} ({}): killed: {why}",
        process.pid(),
        process.name.text()
    );
    process.mark_killed();
}

/// Handles a program's first use of floating point. Returns whether the program may use it.
pub fn float_wanted() -> bool {
    let Caller { thread, mut held } = Caller::at_start();
    scheduler::enable_float(&thread, &mut held);
    true
}

/// Gives the hart to another ready thread, at the end of a slice. Called by the timer's interrupt.
pub fn end_slice() {
    if let Some(thread) = current() {
        scheduler::yield_now(&thread, &mut Held::in_interrupt());
    }
}

/// Ends the process if it was killed. Called last on the way back to user mode; does not return if
/// so.
#[inline]
pub fn before_user(_: &UserRegisters) {
    let mut caller = Caller::at_start();
    if caller.process().is_killed() {
        // Freeing a large memory takes long, so other threads must be able to run meanwhile.
        arch::enable_interrupts();
        exit(&mut caller, KILLED);
    }
}
