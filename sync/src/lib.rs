//! Locks whose order is checked by the compiler, the one way to wait, and sharing that can fail.
//!
//! A lock belongs to a [`Level`], and taking it needs a [`Held`] token of a lower level. The token
//! is borrowed while the lock is held and handed back with the guard at the lock's own level, so a
//! thread that takes locks in the wrong order, sleeps under a spin lock or copies user memory under
//! either does not compile. The whole order stands in [`level`].
//!
//! Invariants:
//! - guards are dropped in the reverse order of taking (each borrows the token of the one before),
//!   which is why a guard can keep the interrupt state it found;
//! - a spin lock is held with the interrupts of its hart off, so no trap handler spins on a lock
//!   its own hart holds;
//! - a [`LeafLock`] is held for a closure that takes no other lock;
//! - a [`Gate`] is passed by many at once, or closed by one who is alone then;
//! - whoever waits gets its turn (R10): [`SleepLock`] and [`Gate`] state how long that takes at
//!   most, and [`WaitQueue`] what to do where several wait for the same thing. Spin locks know no
//!   order; each is held for a bounded time;
//! - a [`Keyed`] field of many objects is reached only with the one key that its lock keeps.
//!
//! Neighbours: `mm` uses the leaf lock alone; `kernel` uses everything and installs its scheduler
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
pub use relax::{Server, relax, serve_while_spinning};
pub use sleep::{Interrupted, PATIENCE, SleepGuard, SleepLock};
pub use spin::{SpinGuard, SpinLock};
pub use wait::{Interruptible, Scheduler, Ticket, WaitQueue, Wake, install_scheduler};
