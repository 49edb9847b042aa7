//! Gates: many pass at once, until one thread closes the gate and is alone.
//!
//! For what is done by many and seldom, and must stand still now and then. Whoever closes the gate waits
//! until all have come out again; whoever comes meanwhile waits outside, so a crowd cannot keep it open.

use core::marker::PhantomData;

use crate::atomic::{AtomicU32, Ordering, constant};
use crate::held::Held;
use crate::level::{FIRST_SPIN, Level};
use crate::wait::{Interruptible, WaitQueue};

/// The bit of a closed gate; the others count those inside.
const CLOSED: u32 = 1 << 31;

/// A gate of level `L`. Both ways of holding it are like a sleep lock of that level.
pub struct Gate<L: Level> {
    state: AtomicU32,
    changed: WaitQueue,
    _level: PhantomData<fn(L)>,
}

impl<L: Level> Default for Gate<L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<L: Level> Gate<L> {
    constant! {
        /// Returns an open gate.
        pub const fn new() -> Self {
            const { assert!(L::RANK < FIRST_SPIN, "this level belongs to a spin lock") }
            Self {
                state: AtomicU32::new(0),
                changed: WaitQueue::new(),
                _level: PhantomData,
            }
        }
    }

    /// Goes in, after waiting while the gate is closed. A kill does not end the wait.
    pub fn pass<'a, H: Level>(&'a self, held: &'a mut Held<H>) -> Passage<'a, L> {
        self.change(held, |state| state + 1);
        Passage {
            gate: self,
            held: Held::claim(),
        }
    }

    /// Closes the gate, after waiting while another thread has, and waits until nobody is inside.
    pub fn close<'a, H: Level>(&'a self, held: &'a mut Held<H>) -> Closed<'a, L> {
        self.change(held, |state| state | CLOSED);
        loop {
            let ticket = self.changed.ticket();
            if self.state.load(Ordering::Acquire) == CLOSED {
                break;
            }
            // The answer does not matter: those inside are waited for.
            let _ = self.changed.wait(ticket, Interruptible::No, held);
        }
        Closed {
            gate: self,
            held: Held::claim(),
        }
    }

    /// Changes the state of the gate as soon as it is not closed.
    fn change<H: Level>(&self, held: &mut Held<H>, to: impl Fn(u32) -> u32) {
        const { assert!(H::RANK < L::RANK, "locks are taken in the wrong order") }
        loop {
            let ticket = self.changed.ticket();
            let changed = self
                .state
                .fetch_update(Ordering::Acquire, Ordering::Relaxed, |state| {
                    (state & CLOSED == 0).then(|| to(state))
                });
            if changed.is_ok() {
                return;
            }
            // The answer does not matter: a gate is waited for until it is open.
            let _ = self.changed.wait(ticket, Interruptible::No, held);
        }
    }
}

/// Inside while this lives.
pub struct Passage<'a, L: Level> {
    gate: &'a Gate<L>,
    held: Held<L>,
}

impl<L: Level> Passage<'_, L> {
    /// Returns the token for locks further in.
    pub fn held(&mut self) -> &mut Held<L> {
        &mut self.held
    }
}

impl<L: Level> Drop for Passage<'_, L> {
    fn drop(&mut self) {
        if self.gate.state.fetch_sub(1, Ordering::Release) == CLOSED | 1 {
            self.gate.changed.wake_all();
        }
    }
}

/// Alone while this lives.
pub struct Closed<'a, L: Level> {
    gate: &'a Gate<L>,
    held: Held<L>,
}

impl<L: Level> Closed<'_, L> {
    /// Returns the token for locks further in.
    pub fn held(&mut self) -> &mut Held<L> {
        &mut self.held
    }
}

impl<L: Level> Drop for Closed<'_, L> {
    fn drop(&mut self) {
        self.gate.state.store(0, Ordering::Release);
        self.gate.changed.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{Nothing, Standstill};

    #[test]
    fn many_pass_at_once() {
        let gate: Gate<Standstill> = Gate::new();
        let (mut one, mut other) = (Held::<Nothing>::claim(), Held::<Nothing>::claim());
        let first = gate.pass(&mut one);
        let second = gate.pass(&mut other);
        drop((first, second));
        drop(gate.close(&mut one));
    }

    #[test]
    fn whoever_closes_it_is_alone() {
        let gate: Gate<Standstill> = Gate::new();
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (gate, inside) = (&gate, &inside);
                scope.spawn(move || {
                    let mut held = Held::<Nothing>::claim();
                    for _ in 0..2000 {
                        if thread < 2 {
                            let _closed = gate.close(&mut held);
                            assert_eq!(inside.swap(1, Ordering::SeqCst), 0);
                            inside.store(0, Ordering::SeqCst);
                        } else {
                            let _passage = gate.pass(&mut held);
                            inside.fetch_add(2, Ordering::SeqCst);
                            std::thread::yield_now();
                            let inside = inside.fetch_sub(2, Ordering::SeqCst);
                            assert_eq!(inside % 2, 0);
                        }
                    }
                });
            }
        });
    }
}
