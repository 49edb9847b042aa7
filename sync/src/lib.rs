//! Locks whose order the compiler checks, one way to wait, and shared values whose allocation can
//! fail.
//!
//! A lock belongs to a [`Level`], and taking it needs a [`Held`] token of a lower level. The guard
//! borrows the token and offers a token of the lock's own level. A thread that takes locks in the
//! wrong order, sleeps under a spin lock, or copies user memory under a spin lock or under the file
//! system's lock therefore does not compile. The whole order is in [`level`].
//!
//! Invariants:
//! - Guards are dropped in the reverse order of taking, because each borrows the token of the one
//!   before. A guard can therefore keep the interrupt state that it found.
//! - A spin lock is held with the interrupts of its hart off, so no trap handler spins on a lock
//!   that its own hart holds.
//! - A [`LeafLock`] is held for one closure, which takes no other lock.
//! - A [`Gate`] lets many threads pass at once, or is closed by one thread, which is then alone.
//! - Every waiting thread gets its turn (R10): [`SleepLock`] and [`Gate`] state the longest wait,
//!   and [`WaitQueue`] states what to do where several threads wait for one event. Spin locks have
//!   no order; each is held for a bounded time.
//! - Harts that ask each other for something ([`mailbox`]) serve each other while they wait.
//! - A [`Keyed`] field of many objects is reached only with the one key, which is kept under its
//!   lock.
//!
//! Neighbours: `mm` uses only the leaf lock; `kernel` uses all locks and installs its scheduler
//! with [`install_scheduler`]. Atomics are imported from [`atomic`].

#![cfg_attr(not(any(test, loom, shuttle)), no_std)]

extern crate alloc;

mod arch;
pub mod atomic;
mod counted;
mod gate;
mod held;
#[cfg(all(test, any(loom, shuttle)))]
mod interleavings;
mod interrupts;
mod keyed;
mod leaf;
pub mod level;
mod line;
pub mod mailbox;
#[cfg(any(loom, shuttle))]
pub mod model;
mod relax;
mod sleep;
mod spin;
mod wait;

pub use counted::{Counted, OutOfMemory, Vacant, try_box};
pub use gate::{Closed, Gate, Passage};
pub use held::Held;
pub use interrupts::InterruptsOff;
pub use keyed::{Key, Keyed};
pub use leaf::LeafLock;
pub use level::Level;
pub use line::Waiter;
pub use relax::{Server, relax, serve_while_spinning};
pub use sleep::{Interrupted, PATIENCE, SleepGuard, SleepLock};
pub use spin::{SpinGuard, SpinLock};
pub use wait::{Interruptible, Scheduler, Ticket, WaitQueue, Wake, install_scheduler};
