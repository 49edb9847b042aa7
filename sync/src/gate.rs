//! Gates: many threads pass at once, until one thread closes the gate and is alone.
//!
//! A gate suits operations that many threads do, but that must all stop now and then. A thread that
//! closes the gate waits until all threads inside have left.
//!
//! **Bound** (R10): a thread that cannot proceed at once stands in line, and proceeds in the order
//! of arrival. A thread that arrives while the line is not empty stands behind it. So neither can a
//! crowd of passing threads keep a closer out, nor can repeated closing keep passing threads out.
//! Adjacent passing threads in the line enter together. A thread therefore waits for one stay of
//! the threads inside, and for one turn of each closer before it in line.

use core::marker::PhantomData;

use crate::atomic::{AtomicU32, Ordering, constant};
use crate::held::Held;
use crate::leaf::LeafLock;
use crate::level::{FIRST_SPIN, Level};
use crate::line::{Call, Line, Request, Turn, Waiter};
use crate::wait::Interruptible;

/// The bit of a closed gate. The bits below the two flags count the threads inside.
const CLOSED: u32 = 1 << 31;
/// Set while a thread stands in line. Changed only under the lock of the line.
const WAITED_FOR: u32 = 1 << 30;

/// Returns the state after the request is granted, or `None` if it cannot be granted yet. Threads
/// that pass share the gate, and one that closes it is alone. Ignores the line.
fn granted(request: Request, state: u32) -> Option<u32> {
    match request {
        Request::Share if state & CLOSED == 0 => Some(state + 1),
        Request::Alone if state & !WAITED_FOR == 0 => Some(state | CLOSED),
        Request::Share | Request::Alone => None,
    }
}

/// A gate of level `L`. Passing and closing both count as holding a sleep lock of that level.
pub struct Gate<L: Level> {
    state: AtomicU32,
    line: LeafLock<Line>,
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

    /// Enters the gate. Waits in line if the gate is closed or the line is not empty. A kill does
    /// not end the wait.
    pub fn pass<'a, H: Level>(&'a self, held: &'a mut Held<H>) -> Passage<'a, L> {
        self.wait_for(Request::Share, held);
        Passage {
            gate: self,
            held: Held::of_guard(),
        }
    }

    /// Closes the gate. Waits in line until no thread is inside.
    pub fn close<'a, H: Level>(&'a self, held: &'a mut Held<H>) -> Closed<'a, L> {
        self.wait_for(Request::Alone, held);
        Closed {
            gate: self,
            held: Held::of_guard(),
        }
    }

    /// Returns whether a thread stands in line.
    #[cfg(all(test, any(loom, shuttle)))]
    pub(crate) fn is_waited_for(&self) -> bool {
        self.line.with(|line| !line.is_empty())
    }

    /// Grants the request if the line is empty and the state permits it. Returns whether it did.
    fn try_at_once(&self, request: Request) -> bool {
        let fits = |state| match state & WAITED_FOR {
            0 => granted(request, state),
            _ => None,
        };
        let changed = self
            .state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, fits);
        changed.is_ok()
    }

    fn wait_for<H: Level>(&self, request: Request, held: &mut Held<H>) {
        const { assert!(H::RANK < L::RANK, "locks are taken in the wrong order") }
        let _ = held;
        if !self.try_at_once(request) {
            self.stand_in_line(request);
        }
    }

    #[cold]
    fn stand_in_line(&self, request: Request) {
        Waiter::lend(request, |waiter| {
            self.line.with(|line| {
                self.state.fetch_or(WAITED_FOR, Ordering::Relaxed);
                // SAFETY: a thread stands in one line at a time. The loan ends only when the waiter
                // was granted, which removes it from the line.
                unsafe { line.push(waiter) };
            });
            // The state may have changed before the thread stood in line.
            self.advance();
            while waiter.sleep(Interruptible::No) != Turn::Granted {}
        });
    }

    /// Grants the requests at the front of the line that can be granted, and wakes their threads.
    fn advance(&self) {
        while let Some(call) = self.line.with(|line| self.grant_first(line)) {
            call.wake();
        }
    }

    fn grant_first(&self, line: &mut Line) -> Option<Call> {
        let request = line.first()?.request();
        // While the line is not empty, the state changes only under the lock of the line, except
        // when a thread leaves the gate.
        let changed = self
            .state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |state| {
                granted(request, state)
            });
        changed.ok()?;
        let call = line.grant_first();
        if line.is_empty() {
            self.state.fetch_and(!WAITED_FOR, Ordering::Relaxed);
        }
        call
    }
}

/// The passage of a thread that is inside the gate, for as long as this lives.
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

/// The closed state of a gate: its owner is alone while this lives.
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
    use crate::level::Standstill;

    #[test]
    fn many_pass_at_once() {
        let gate: Gate<Standstill> = Gate::new();
        let (mut one, mut other) = (Held::at_start(), Held::at_start());
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
                    let mut held = Held::at_start();
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
