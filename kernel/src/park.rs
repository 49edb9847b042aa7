//! One hart alone: the others are parked in the handler of an interrupt until it is done.
//!
//! A hart comes to park where interrupts are on, so what it does under a spin lock it finishes
//! first, and a parked hart holds none. Whoever parks the others must hold none either, and be the
//! only one who does.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sync::InterruptsOff;

use crate::{arch, panic};

/// Somebody wants to be alone.
static WANTED: AtomicBool = AtomicBool::new(false);
static PARKED: AtomicUsize = AtomicUsize::new(0);

/// No other hart does anything while this lives.
pub struct Alone {
    _interrupts: InterruptsOff,
}

/// Parks all other harts and waits until they have come.
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
        // The next to park the others must not count those that are about to leave.
        wait_until(|| PARKED.load(Ordering::Relaxed) == 0);
    }
}

/// Parks this hart if another one wants to be alone. Called by the interrupt, with interrupts off.
pub fn park_if_wanted() {
    if WANTED.load(Ordering::Acquire) {
        PARKED.fetch_add(1, Ordering::Release);
        wait_until(|| !WANTED.load(Ordering::Acquire));
        PARKED.fetch_sub(1, Ordering::Release);
    }
}

/// Spins, deaf to interrupts but for that of a panic.
fn wait_until(done: impl Fn() -> bool) {
    while !done() {
        panic::halt_if_panicked();
        sync::relax();
    }
}
