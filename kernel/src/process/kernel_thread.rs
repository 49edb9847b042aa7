//! Kernel threads: the pager, and the thread that serves keys.
//!
//! Each belongs to a process that is not in the tree: no program can see it, wait for it or kill
//! it. It can be pre-empted and can sleep like any other thread, which an interrupt handler cannot.

use abi::ForkMode;
use sync::{Counted, Held, level};

use super::thread::Entry;
use super::{Name, Process, Thread, scheduler};
use crate::arch::{self, FloatState, UserRegisters};
use crate::file::Files;
use crate::given::refuse;

/// Makes a kernel thread, which will begin with `entry` once the scheduler runs.
pub(super) fn make(name: &str, entry: Entry, held: &mut Held<level::Nothing>) {
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
        Ok(thread) => scheduler::start(thread, held),
        Err(_) => refuse(format_args!(
            "there is no memory for the kernel's threads; give the machine more"
        )),
    }
}

/// The first call of a kernel thread. Returns a token: the thread holds no lock.
pub(super) fn arrive() -> Held<level::Nothing> {
    scheduler::arrive();
    arch::enable_interrupts();
    Held::at_start()
}
