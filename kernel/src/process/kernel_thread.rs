//! Threads of the kernel's own: the pager, and the one that does what keys ask for.
//!
//! Each belongs to a process that is in no tree: no program can see, wait for or kill it. It can be
//! pre-empted and sleep like any other thread, which a handler of an interrupt cannot.

use abi::ForkMode;
use sync::{Counted, Held, level};

use super::thread::Entry;
use super::{Name, Process, Thread, scheduler};
use crate::arch::{self, FloatState, UserRegisters};
use crate::boot::refuse;
use crate::file::Files;

/// Makes a thread, which will begin with `entry` when the scheduler runs.
pub(super) fn make(name: &str, entry: Entry) {
    // The boot is the thread of execution here, and it holds nothing.
    let mut held = Held::<level::Nothing>::claim();
    let process = Process::new(
        Name::of_path(name.as_bytes()),
        ForkMode::CopyOnWrite,
        None,
        Files::new(),
    );
    let thread = Counted::try_new(process)
        .map_err(Into::into)
        .and_then(|process| {
            let registers = UserRegisters::new();
            Thread::try_new(process, entry, &registers, FloatState::new(), None)
        });
    match thread {
        Ok(thread) => scheduler::start(thread, &mut held),
        Err(_) => refuse(format_args!(
            "there is no memory for the kernel's threads; give the machine more"
        )),
    }
}

/// To be called first by such a thread, which holds no lock.
pub(super) fn arrive() -> Held<level::Nothing> {
    scheduler::arrive();
    arch::enable_interrupts();
    Held::claim()
}
