//! The rest of a process's end, after its thread has switched away for good. Neighbours:
//! [`super::exit()`] does the part before; the scheduler's loop calls this one.

use sync::{Counted, Held, level};

use super::Thread;
use super::tree::TREE;

/// Frees a thread that has switched away for good, and tells the parent of its process.
pub fn reap_thread(thread: Counted<Thread>, held: &mut Held<level::Sleeping>) {
    let process = thread.process.clone();
    let other_handle = TREE.lock(held).take_thread(&process);
    drop(other_handle);
    drop(thread);

    TREE.lock(held).finish_end(process);
}
