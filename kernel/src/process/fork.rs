//! Fork: a second process like the caller.
//!
//! Everything that can fail comes first and is undone by dropping it. Adding the child to the tree
//! cannot fail. Files are shared last, because closing them may sleep, which dropping must not.

use abi::CHILDREN_MAX;
use mm::NoMemory;
use sync::Counted;

use super::tree::TREE;
use super::{Caller, Pid, Process, Thread, before_user, current, pager, scheduler, standstill};
use crate::arch::{self, UserRegisters};
use crate::file::Files;

/// Makes a child of the caller, which continues from `registers` with the result 0. Returns its
/// pid. A parent with [`CHILDREN_MAX`] unreaped children gets the answer that there is no memory.
pub fn fork(caller: &mut Caller, registers: &UserRegisters) -> Result<Pid, NoMemory> {
    let Caller { thread, held } = caller;
    let process = &thread.process;
    // Stays true without the lock: only this thread gives this process children (init gets orphans,
    // but never refuses them).
    if TREE.lock(held).children(process) >= CHILDREN_MAX {
        return Err(NoMemory::Places);
    }
    let mut passage = standstill::pass(held);
    let held = passage.held();
    let mode = process.fork_mode();
    let space = pager::retry(held, |held| match &mut *process.space.lock(held) {
        Some(space) => space.fork(mode),
        None => Err(NoMemory::Places),
    })?;
    let context = space.context().clone();
    let mut registers = registers.clone();
    registers.set_result(0);
    let float = scheduler::float_state(thread, held);

    let child = Process::new(process.name.clone(), mode, Some(space), Files::new());
    let child = Counted::try_new(child)?;
    let child_thread = Thread::try_new(child.clone(), begin, &registers, float, Some(context))?;
    let files = process.files.lock(held).duplicate()?;
    *child.files.lock(held) = files;

    let pid = {
        let mut tree = TREE.lock(held);
        // A kill that came during the fork is the child's too; one that comes later finds it in the
        // tree.
        if process.is_killed() {
            child.mark_killed();
        }
        tree.add(&child, child_thread.clone(), Some(process))
    };
    scheduler::start(child_thread, held);
    Ok(pid)
}

/// The entry of the child's thread.
extern "C" fn begin(_: usize) -> ! {
    scheduler::arrive();
    let thread = current().expect("a thread is running");
    let top = thread.stack.user_registers();
    // SAFETY: they were written when the thread was made and are nobody else's.
    before_user(unsafe { &*top });
    // SAFETY: as above; interrupts are off since the switch.
    unsafe { arch::enter_user(top) }
}
