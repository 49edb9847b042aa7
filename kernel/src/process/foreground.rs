//! Which processes Ctrl-C ends.
//!
//! The contract has no process groups, so the kernel works it out. *The shell* is the child of init that read
//! the console last, of those that init forked itself. When a shell reads its next line it has finished waiting for the last one, so whatever descends from
//! it at that moment was started with `&`: it is marked as background, and its future children with it. Ctrl-C kills
//! the shell's descendants without that mark. The mark is a process's own and stays when its parent ends. A process that becomes
//! init's because its parent has ended is marked too: it is nobody's foreground, and must not pass for a shell.
//!
//! This needs nothing from the shell, so it also works for the shells of foreign images. A shell inside a shell is a
//! foreground program like any other. Where no shell has read a line yet (one line run by init), all of init's descendants are in the foreground.

use sync::atomic::Ordering;
use sync::{Held, level};

use super::kill::kill_process;
use super::tree::TREE;
use super::{INIT, Process};

impl Process {
    /// Sets the mark.
    pub(super) fn put_in_background(&self) {
        self.background.store(true, Ordering::Relaxed);
    }

    fn is_in_background(&self) -> bool {
        self.background.load(Ordering::Relaxed)
    }

    /// Passes the mark on to a new child.
    pub(super) fn inherit_background(&self, child: &Process) {
        if self.is_in_background() {
            child.put_in_background();
        }
    }
}

/// To be called when `process` is about to read the console.
pub fn reads_console(process: &Process, held: &mut Held<level::Nothing>) {
    let mut tree = TREE.lock(held);
    let is_inits = tree
        .parent(process)
        .is_some_and(|parent| parent.pid() == INIT);
    if !is_inits || process.is_in_background() {
        return;
    }
    tree.shell = Some(process.pid());
    tree.for_each_descendant(process, |descendant| descendant.put_in_background());
}

/// Ctrl-C: kills what is in the foreground, and says whether there was anything. Called from the console's interrupt, with no lock of the console held.
pub fn interrupt_foreground() -> bool {
    // An interrupt finds the kernel without spin locks.
    let mut held = Held::<level::Sleeping>::claim();
    let mut tree = TREE.lock(&mut held);
    let (tree, held) = tree.parts();
    let shell = tree
        .shell
        .and_then(|pid| tree.find(pid))
        .or_else(|| tree.find(INIT));
    let Some(shell) = shell else {
        return false;
    };
    let mut any = false;
    tree.for_each_descendant(shell, |process| {
        if !process.is_in_background() {
            kill_process(tree, process, held);
            any = true;
        }
    });
    any
}
