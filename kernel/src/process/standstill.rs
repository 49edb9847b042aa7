//! Standing still: a moment in which no address space is made, changed, handed over or ended.
//!
//! An address space is changed under the lock of its process. But fork and exec make one before any
//! process has it, and exec and exit end one that no process has any more. So they pass a gate
//! ([`pass`]), and whoever wants to stand still closes it first and then takes the lock of every
//! living process. What is left are frames of the kernel's own (pipes, stacks, open files): for
//! those the other harts are parked, and a thread that lost its hart half-way through taking one
//! still has it; see [`super::audit()`].
//!
//! Invariant: while the gate is closed, the living processes of the tree stay the same, and every
//! address space there is is one of theirs. For a process comes into the tree, and leaves the
//! living, inside the gate.
//!
//! No deadlock: only the one who closed the gate holds more than one space, and whoever holds one
//! waits for nothing that is further out.

use sync::{Gate, Held, Level, Passage, level};

use super::tree::{TREE, Tree};
use super::{Process, Space};
use crate::park;

static GATE: Gate<level::Standstill> = Gate::new();

/// Waits while somebody stands still, and keeps everybody from it while the answer lives.
pub fn pass<H: Level>(held: &mut Held<H>) -> Passage<'_, level::Standstill> {
    GATE.pass(held)
}

/// Every address space there is, while nothing happens to them.
pub struct Still<'t> {
    tree: &'t Tree,
}

impl<'t> Still<'t> {
    /// Returns the address spaces and whose they are.
    pub fn spaces(&self) -> impl Iterator<Item = (&'t Process, &'t Space)> {
        self.tree.alive().filter_map(|process| {
            // SAFETY: `stand_still` has taken the lock of each living process in this thread and
            // leaked the guard. It adopts it when the tree, and with it this reference, is not
            // borrowed any more.
            let space = unsafe { process.space.leaked() };
            Some((&**process, space.as_ref()?))
        })
    }
}

/// Has `look` see all address spaces while nothing happens to them and no other hart does anything.
pub fn stand_still<R>(held: &mut Held<level::Nothing>, look: impl FnOnce(&Still<'_>) -> R) -> R {
    let mut closed = GATE.close(held);
    let held = closed.held();
    let mut last = None;
    while let Some(process) = { TREE.lock(held).next_alive(last).cloned() } {
        last = Some(process.pid());
        process.space.lock(held).leak();
    }
    let alone = park::others();
    let tree = TREE.lock(held);
    let result = look(&Still { tree: &tree });
    drop(tree);
    drop(alone);
    let mut last = None;
    while let Some(process) = { TREE.lock(held).next_alive(last).cloned() } {
        last = Some(process.pid());
        // SAFETY: taken by this thread and leaked, above, for the same processes: nobody has come
        // to life or ended since.
        drop(unsafe { process.space.adopt() });
    }
    result
}
