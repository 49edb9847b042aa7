//! Standstill: a moment in which no address space is made, changed, moved or ended.
//!
//! An address space is changed under the lock of its process. But fork and exec make a space before
//! any process has it, and exec and exit end a space that no process has any more. These calls
//! therefore pass a gate ([`pass`]). An auditor closes the gate and then takes the space lock of
//! every living process. That leaves the kernel's own frames (pipes, stacks, open files). For
//! those, the other harts are parked. A thread that was pre-empted while it allocated a frame still
//! holds a reservation then; [`super::audit()`] deals with that.
//!
//! Invariant: while the gate is closed, the set of living processes does not change, and every
//! address space belongs to one of them. The reason is that a process is added to the tree, and
//! begins to end, only inside the gate.
//!
//! There is no deadlock, because only the thread that closed the gate holds several spaces, and a
//! thread that holds a space waits for no lock that comes before it in the order.

use sync::{Gate, Held, Level, Passage, level};

use super::tree::{TREE, Tree};
use super::{Process, Space};
use crate::park;

static GATE: Gate<level::Standstill> = Gate::new();

/// Enters the gate, after any standstill has ended. No standstill begins while the returned passage
/// lives.
pub fn pass<H: Level>(held: &mut Held<H>) -> Passage<'_, level::Standstill> {
    GATE.pass(held)
}

/// All address spaces, during a standstill.
pub struct Still<'t> {
    tree: &'t Tree,
}

impl<'t> Still<'t> {
    /// Returns the address spaces with their processes.
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

/// Runs `look` on all address spaces while none of them changes and no other hart runs.
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
        // SAFETY: this thread took and leaked these locks above, for these processes: none has
        // become alive or ended since.
        drop(unsafe { process.space.adopt() });
    }
    result
}
