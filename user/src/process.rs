//! Processes and time.

use crate::syscall::{self, Failed, Result, check};
use abi::ARG_MAX;
use core::ffi::CStr;

/// The number of a process.
pub type Pid = i32;

/// The status of a process that was killed, by the contract. A process that exits with -1 looks
/// like one that was killed.
pub const KILLED: i32 = -1;

/// Which process the caller is after a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// The child.
    Child,
    /// The parent, with the number of the child.
    Parent(Pid),
}

/// Makes a copy of this process.
pub fn fork() -> Result<Fork> {
    // SAFETY: a program has one thread, so the copy is of a state that some Rust code left.
    match check(unsafe { syscall::fork() })? {
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid as Pid)),
    }
}

/// Ends this process.
pub fn exit(status: i32) -> ! {
    loop {
        // SAFETY: nothing of ours is used afterwards, for the call does not return.
        unsafe { syscall::exit(status) };
    }
}

/// Waits for any child to end. Returns its number and its status.
pub fn wait() -> Result<(Pid, i32)> {
    let mut status = 0i32;
    // SAFETY: the kernel writes a 32-bit status.
    let pid = check(unsafe { syscall::wait(&raw mut status as u64) })?;
    Ok((pid as Pid, status))
}

/// Waits for the child `pid` to end. Reaps other children that end before it. Returns the child's
/// status.
pub fn wait_for(pid: Pid) -> Result<i32> {
    loop {
        let (ended, status) = wait()?;
        if ended == pid {
            return Ok(status);
        }
    }
}

/// Executes the program at `path` with these arguments, the program's name first. Returns only if
/// that failed.
pub fn exec<'a>(path: &CStr, arguments: impl IntoIterator<Item = &'a CStr>) -> Failed {
    let mut vector = [0u64; ARG_MAX + 1];
    for (index, argument) in arguments.into_iter().enumerate() {
        if index == ARG_MAX {
            return Failed;
        }
        vector[index] = argument.as_ptr() as u64;
    }
    // SAFETY: the kernel reads the path, the vector, which ends with a 0, and the strings. If it
    // succeeds, nothing of ours remains.
    unsafe { syscall::exec(path.as_ptr() as u64, vector.as_ptr() as u64) };
    Failed
}

/// Kills a process.
pub fn kill(pid: Pid) -> Result<()> {
    // SAFETY: touches no memory of ours.
    check(unsafe { syscall::kill(pid) }).map(drop)
}

/// Returns the number of this process.
#[inline]
pub fn id() -> Pid {
    // SAFETY: touches no memory of ours.
    unsafe { syscall::getpid() as Pid }
}

/// Waits for `ticks` ticks (see `abi::TICK_MILLISECONDS`).
pub fn sleep(ticks: i32) -> Result<()> {
    // SAFETY: touches no memory of ours.
    check(unsafe { syscall::sleep(ticks) }).map(drop)
}

/// Returns the ticks since boot.
pub fn uptime() -> Result<u64> {
    // SAFETY: touches no memory of ours.
    check(unsafe { syscall::uptime() })
}

/// Powers the machine off and passes `status` to the emulator. Returns only if the kernel cannot.
pub fn shutdown(status: i32) -> Failed {
    // SAFETY: touches no memory of ours.
    unsafe { syscall::shutdown(status) };
    Failed
}
