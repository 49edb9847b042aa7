//! Parking: all harts but one wait in an interrupt handler until that hart is done.
//!
//! A hart parks only where interrupts are on, so it first finishes what it does under a spin lock,
//! and a parked hart holds none. The hart that parks the others must hold no spin lock either, and
//! only one hart may do so at a time.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sync::InterruptsOff;

use crate::{arch, panic};

/// Whether a hart wants the others parked.
static WANTED: AtomicBool = AtomicBool::new(false);
static PARKED: AtomicUsize = AtomicUsize::new(0);

/// Proof that all other harts are parked.
pub struct Alone {
    _interrupts: InterruptsOff,
}

/// Parks all other harts. Returns when all of them are parked.
pub fn others() -> Alone {
    let interrupts = InterruptsOff::new();
    let wanted = WANTED.swap(true, Ordering::SeqCst);
    assert!(!wanted, "two harts want to be alone");
    arch::interrupt_other_harts();
    wait_until(|| PARKED.load(Ordering::Acquire) + 1 == arch::hart_count());
    Alone {
        _interrupts: interrupts,
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        WANTED.store(false, Ordering::Release);
        // The next hart that parks the others must not count harts that are about to leave.
        wait_until(|| PARKED.load(Ordering::Relaxed) == 0);
    }
}

/// Parks this hart if another one wants that. Called by the interrupt handler, with interrupts off.
pub fn park_if_wanted() {
    if WANTED.load(Ordering::Acquire) {
        PARKED.fetch_add(1, Ordering::Release);
        wait_until(|| !WANTED.load(Ordering::Acquire));
        PARKED.fetch_sub(1, Ordering::Release);
    }
}

/// Spins until `done`. Interrupts are off, but a panic on another hart is noticed.
fn wait_until(done: impl Fn() -> bool) {
    while !done() {
        panic::halt_if_panicked();
        sync::relax();
    }
}
