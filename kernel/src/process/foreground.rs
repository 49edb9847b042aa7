//! Which processes Ctrl-C ends.
//!
//! The contract has no process groups, so the kernel works it out. *The shell* is the child of init that read
//! the console last. When a shell reads its next line it has finished waiting for the last one, so whatever descends from
//! it at that moment was started with `&`: it is marked as background, and its future children with it. Ctrl-C kills
//! the shell's descendants without that mark. The mark is a process's own and stays when its parent ends; a process that has
//! become init's child is no descendant of the shell any more, and is spared anyway.
//!
//! This needs nothing from the shell, so it also works for the shells of foreign images. A shell inside a shell is a
//! foreground program like any other. Where no shell has read a line yet (one line run by init), all of init's descendants are in the foreground.

use sync::atomic::Ordering;
use sync::{Held, level};

use super::kill::kill_process;
use super::tree::TREE;
use super::{INIT, Process};

impl Process {
    /// Passes the mark on to a new child.
    pub(super) fn inherit_background(&self, child: &Process) {
        let background = self.background.load(Ordering::Relaxed);
        child.background.store(background, Ordering::Relaxed);
    }
}

/// To be called when `process` is about to read the console.
pub fn reads_console(process: &Process, held: &mut Held<level::Nothing>) {
    let mut tree = TREE.lock(held);
    if tree
        .parent(process)
        .is_none_or(|parent| parent.pid() != INIT)
    {
        return;
    }
    tree.shell = Some(process.pid());
    tree.for_each_descendant(process, |descendant| {
        descendant.background.store(true, Ordering::Relaxed);
    });
}

/// Ctrl-C: kills what is in the foreground. Called from the console's interrupt, with no lock of the console held.
pub fn interrupt_foreground() {
    // An interrupt finds the kernel without spin locks.
    let mut held = Held::<level::Sleeping>::claim();
    let mut tree = TREE.lock(&mut held);
    let (tree, held) = tree.parts();
    let shell = tree
        .shell
        .and_then(|pid| tree.find(pid))
        .or_else(|| tree.find(INIT));
    let Some(shell) = shell else {
        return;
    };
    tree.for_each_descendant(shell, |process| {
        if !process.background.load(Ordering::Relaxed) {
            kill_process(tree, process, held);
        }
    });
}
