//! What the traps of a program lead to: faults that are cured, and programs that are ended.
//!
//! Everything here acts on the process whose trap it is, and on no other. A process is ended by a mark, which [`before_user`]
//! finds on the way back; the line that says why is printed where the mark is set.

use abi::FAILURE;
use mm::addr::VirtAddr;
use mm::mistake::{self, Mistake};
use mm::space::{Access, Resolution};
use sync::{Held, level};

use super::{Caller, Current, Space, current, exit, scheduler};
use crate::arch::UserRegisters;
use crate::memory::memory;
use crate::println;

/// What a killed process's parent is told.
const KILLED: i32 = FAILURE as i32;

/// The thread whose trap from user mode this is. A thread of execution begins here, with no lock held.
fn trapped() -> Caller {
    Caller {
        thread: current().expect("a program trapped where no thread runs"),
        held: Held::claim(),
    }
}

/// A program touched `address` and the hardware found no translation that allows it.
pub fn user_fault(registers: &UserRegisters, address: VirtAddr, access: Access) {
    let Caller { thread, mut held } = trapped();
    let resolution = in_space(&thread, &mut held, |space| space.resolve(address, access));
    match resolution {
        Resolution::Done => {
            if mistake::makes(Mistake::KillLosesCopy) && thread.process.is_killed() {
                core::mem::forget(memory().frame_for_kernel(mm::Need::Lasting));
            }
        }
        Resolution::Denied if mistake::makes(Mistake::RetriesForEver) => {}
        Resolution::Denied => {
            let what = match access {
                Access::Read => "load",
                Access::Write => "store",
                Access::Execute => "instruction",
            };
            condemn(
                &thread,
                format_args!(
                    "{what} page fault at {:#x}, pc {:#x}",
                    address.0,
                    registers.pc()
                ),
            );
        }
        Resolution::NoMemory => out_of_memory(&thread),
    }
}

/// The kernel touched `address` for the calling thread's program and was refused (rule R6: the program's own faults and the
/// kernel's copies are answered by the same room).
pub fn resolve(
    thread: &Current,
    address: VirtAddr,
    access: Access,
    held: &mut Held<level::Nothing>,
) -> Resolution {
    in_space(thread, held, |space| {
        space.resolve_for_kernel(address, access)
    })
}

fn in_space(
    thread: &Current,
    held: &mut Held<level::Nothing>,
    resolve: impl FnOnce(&mut Space) -> Resolution,
) -> Resolution {
    match &mut *thread.process.space.lock(held) {
        Some(space) => resolve(space),
        None => Resolution::Denied,
    }
}

/// A program did something else that it cannot go on after.
pub fn user_exception(registers: &UserRegisters, cause: &str, detail: u64) {
    let thread = trapped().thread;
    condemn(
        &thread,
        format_args!("{cause} ({detail:#x}), pc {:#x}", registers.pc()),
    );
}

/// Ends the calling process because a page it was not promised could not be found.
pub fn out_of_memory(thread: &Current) {
    memory().note_killed();
    condemn(thread, format_args!("out of memory"));
}

fn condemn(thread: &Current, why: core::fmt::Arguments) {
    let process = &thread.process;
    println!(
        "pid {} ({}): killed: {why}",
        process.pid(),
        process.name.text()
    );
    process.mark_killed();
}

/// A program used floating point for the first time.
/// Whether it may.
pub fn float_wanted() -> bool {
    let Caller { thread, mut held } = trapped();
    scheduler::enable_float(&thread, &mut held);
    true
}

/// The timer of this hart has ticked; the trap found interrupts on.
pub fn tick() {
    if let Some(thread) = current() {
        // Interrupts were on, so no spin lock is held.
        scheduler::yield_now(&thread, &mut Held::claim());
    }
}

/// To be called last on the way back to user mode. Does not return if the process has been killed.
#[inline]
pub fn before_user(_: &UserRegisters) {
    let mut caller = trapped();
    if caller.process().is_killed() {
        exit(&mut caller, KILLED);
    }
}
