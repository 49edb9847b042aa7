//! Fork: makes a child process like the caller.
//!
//! Steps that can fail come first, and are undone by dropping their results. Adding the child to
//! the tree cannot fail. Files are shared last, because closing them may sleep, and dropping must
//! not.

use abi::CHILDREN_MAX;
use mm::NoMemory;
use sync::Counted;

use super::tree::TREE;
use super::{Caller, Pid, Process, Thread, before_user, current, pager, scheduler, standstill};
use crate::arch::{self, UserRegisters};
use crate::file::Files;

/// Makes a child of the caller, which continues from `registers` with the result 0. Returns its
/// pid. Fails if the parent has [`CHILDREN_MAX`] unreaped children, as if there were no memory.
pub fn fork(caller: &mut Caller, registers: &UserRegisters) -> Result<Pid, NoMemory> {
    let Caller { thread, held } = caller;
    let process = &thread.process;
    // The check holds without the lock: only this thread adds children to this process. (Init
    // adopts orphans, but never refuses them.)
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
        // A kill during the fork also kills the child. A later kill finds the child in the tree.
        if process.is_killed() {
            child.mark_killed();
        }
        tree.add(&child, child_thread.clone(), Some(process))
    };
    scheduler::start(child_thread, held);
    Ok(pid)
}

/// The first function of the child's thread.
extern "C" fn begin(_: usize) -> ! {
    scheduler::arrive();
    let thread = current().expect("a thread is running");
    let top = thread.stack.user_registers();
    // SAFETY: the registers were written when the thread was made, and belong to this thread.
    before_user(unsafe { &*top });
    // SAFETY: as above; interrupts are off since the switch.
    unsafe { arch::enter_user(top) }
}
