//! Waiting for a child to end.
//!
//! Finding an ended child and reaping it are two steps, because the status is written to user
//! memory in between. A child whose status cannot be delivered can be waited for again.

use sync::{Held, Interruptible, Wake, level};

use super::tree::TREE;
use super::{Pid, Process};

/// A child that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its pid.
    pub pid: Pid,
    /// The status that it exited with, or -1 if it was killed.
    pub status: i32,
}

/// Waits until a child of `process`, the caller's, has ended. Returns `None` if there is no child
/// or the caller has been killed.
pub fn ended_child(process: &Process, held: &mut Held<level::Nothing>) -> Option<Ended> {
    loop {
        let ticket = process.child_ended.ticket();
        let tree = TREE.lock(held);
        if let Some((pid, status)) = tree.ended_child(process) {
            return Some(Ended { pid, status });
        }
        if tree.children(process) == 0 {
            return None;
        }
        drop(tree);
        if process.child_ended.wait(ticket, Interruptible::Yes, held) == Wake::Interrupted {
            return None;
        }
    }
}

/// Removes the ended child `pid` from the tree. Returns whether there was one.
pub fn reap(process: &Process, pid: Pid, held: &mut Held<level::Nothing>) -> bool {
    let child = TREE.lock(held).reap(process, pid);
    child.is_some()
}
