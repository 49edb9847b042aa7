//! Kill: the process is marked, its interruptible waits end, and it ends itself on its way back to
//! user mode.

use sync::{Held, Level, level};

use super::tree::{TREE, Tree};
use super::{INIT, Pid, Process, scheduler};

/// Kills the process `pid`. Returns whether there is one. Init cannot be killed, because nothing
/// runs without it.
pub fn kill<L: Level>(pid: Pid, held: &mut Held<L>) -> bool {
    let mut tree = TREE.lock(held);
    let (tree, held) = tree.parts();
    match tree.find(pid) {
        Some(process) if pid != INIT => {
            kill_process(tree, process, held);
            true
        }
        _ => false,
    }
}

/// Kills a process of the tree.
pub(super) fn kill_process(tree: &Tree, process: &Process, held: &mut Held<level::Processes>) {
    process.mark_killed();
    if let Some(thread) = tree.thread(process) {
        scheduler::interrupt(thread, held);
    }
}
