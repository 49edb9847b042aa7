//! Processes and time.

use crate::syscall::{self, Failed, Result, check};
use abi::ARG_MAX;
use core::ffi::CStr;

/// The number of a process.
pub type Pid = i32;

/// The status of a process that was killed, by the contract. One that exits with it looks the same.
pub const KILLED: i32 = -1;

/// Which of the two one is after a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// The new process.
    Child,
    /// The old one, and the new one's number.
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

/// Waits for some child to end: its number and its status.
pub fn wait() -> Result<(Pid, i32)> {
    let mut status = 0i32;
    // SAFETY: the kernel writes a 32-bit status.
    let pid = check(unsafe { syscall::wait(&raw mut status as u64) })?;
    Ok((pid as Pid, status))
}

/// Waits for the child `pid` to end, reaping others that end before it. Returns its status.
pub fn wait_for(pid: Pid) -> Result<i32> {
    loop {
        let (ended, status) = wait()?;
        if ended == pid {
            return Ok(status);
        }
    }
}

/// Becomes the program at `path` with these arguments, the program's name first. Returns only
/// when that failed.
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

/// Has a process killed.
pub fn kill(pid: Pid) -> Result<()> {
    // SAFETY: touches no memory of ours.
    check(unsafe { syscall::kill(pid) }).map(drop)
}

/// This process's number.
#[inline]
pub fn id() -> Pid {
    // SAFETY: touches no memory of ours.
    unsafe { syscall::getpid() as Pid }
}

/// Waits for `ticks` (see `abi::TICK_MILLISECONDS`).
pub fn sleep(ticks: i32) -> Result<()> {
    // SAFETY: touches no memory of ours.
    check(unsafe { syscall::sleep(ticks) }).map(drop)
}

/// Ticks since boot.
pub fn uptime() -> Result<u64> {
    // SAFETY: touches no memory of ours.
    check(unsafe { syscall::uptime() })
}

/// Powers the machine off and tells the emulator `status`; returns only when the kernel cannot.
pub fn shutdown(status: i32) -> Failed {
    // SAFETY: touches no memory of ours.
    unsafe { syscall::shutdown(status) };
    Failed
}
