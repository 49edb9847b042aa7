//! Gates: many pass at once, until one thread closes the gate and is alone.
//!
//! For what is done by many and seldom, and must stand still now and then. Whoever closes the gate
//! waits until all have come out again.
//!
//! **Bound** (R10): threads that cannot go on at once stand in line, and go on in the order in
//! which they came. A thread that comes while somebody stands in line stands behind, so neither a
//! crowd that passes keeps a closer out, nor one that closes again and again those who want to
//! pass. Neighbouring passers in the line go in together. So a thread waits for one stay of those
//! inside, and for one turn of each closer before it in line.

use core::marker::PhantomData;
use core::pin::pin;

use crate::atomic::{AtomicU32, Ordering, constant};
use crate::held::Held;
use crate::leaf::LeafLock;
use crate::level::{FIRST_SPIN, Level};
use crate::line::{Call, Line, Turn, Waiter};
use crate::wait::Interruptible;

/// The bit of a closed gate; the bits below the two flags count those inside.
const CLOSED: u32 = 1 << 31;
/// Somebody stands in line. Set and cleared under the lock of the line.
const WAITED_FOR: u32 = 1 << 30;

/// What a thread in line wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Pass,
    Close,
}

impl Wish {
    /// Returns the state after the wish came true; `None` if it cannot yet. The line is not asked.
    fn granted(self, state: u32) -> Option<u32> {
        match self {
            Self::Pass if state & CLOSED == 0 => Some(state + 1),
            Self::Close if state & !WAITED_FOR == 0 => Some(state | CLOSED),
            Self::Pass | Self::Close => None,
        }
    }
}

/// A gate of level `L`. Both ways of holding it are like a sleep lock of that level.
pub struct Gate<L: Level> {
    state: AtomicU32,
    line: LeafLock<Line<Wish>>,
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
                line: LeafLock::new(Line::new()),
                _level: PhantomData,
            }
        }
    }

    /// Goes in, after waiting in line if the gate is closed or others wait. A kill does not end the
    /// wait.
    pub fn pass<'a, H: Level>(&'a self, held: &'a mut Held<H>) -> Passage<'a, L> {
        self.wait_for(Wish::Pass, held);
        Passage {
            gate: self,
            held: Held::claim(),
        }
    }

    /// Closes the gate, after waiting in line until nobody is inside.
    pub fn close<'a, H: Level>(&'a self, held: &'a mut Held<H>) -> Closed<'a, L> {
        self.wait_for(Wish::Close, held);
        Closed {
            gate: self,
            held: Held::claim(),
        }
    }

    /// Returns whether some thread stands in line.
    #[cfg(all(test, any(loom, shuttle)))]
    pub(crate) fn is_waited_for(&self) -> bool {
        self.line.with(|line| !line.is_empty())
    }

    /// Makes a wish come true where nobody stands in line. Returns whether it did.
    fn try_at_once(&self, wish: Wish) -> bool {
        let fits = |state| match state & WAITED_FOR {
            0 => wish.granted(state),
            _ => None,
        };
        let changed = self
            .state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, fits);
        changed.is_ok()
    }

    fn wait_for<H: Level>(&self, wish: Wish, held: &mut Held<H>) {
        const { assert!(H::RANK < L::RANK, "locks are taken in the wrong order") }
        let _ = held;
        if !self.try_at_once(wish) {
            self.stand_in_line(wish);
        }
    }

    #[cold]
    fn stand_in_line(&self, wish: Wish) {
        let waiter = pin!(Waiter::new(wish));
        let waiter = waiter.as_ref();
        self.line.with(|line| {
            self.state.fetch_or(WAITED_FOR, Ordering::Relaxed);
            // SAFETY: new, and this function returns only when it has been granted, which takes it
            // out.
            unsafe { line.push(waiter) };
        });
        // What it waits for may have come before it stood in line.
        self.advance();
        while waiter.sleep(Interruptible::No) != Turn::Granted {}
    }

    /// Has those at the front of the line go on who can.
    fn advance(&self) {
        while let Some(call) = self.line.with(|line| self.grant_first(line)) {
            call.wake();
        }
    }

    fn grant_first(&self, line: &mut Line<Wish>) -> Option<Call> {
        let wish = line.first()?.kind;
        // While somebody stands in line the state changes under the line's lock, but for those who
        // come out.
        let changed = self
            .state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |state| {
                wish.granted(state)
            });
        changed.ok()?;
        let call = line.grant_first();
        if line.is_empty() {
            self.state.fetch_and(!WAITED_FOR, Ordering::Relaxed);
        }
        call
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
        if self.gate.state.fetch_sub(1, Ordering::Release) == WAITED_FOR | 1 {
            self.gate.advance();
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
        if self.gate.state.fetch_and(!CLOSED, Ordering::Release) & WAITED_FOR != 0 {
            self.gate.advance();
        }
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
