//! Panics: what the panicking hart prints, and how the other harts are stopped.
//!
//! Nothing here takes a lock, because the panic may have happened under any lock. `xtask` turns the
//! lines `backtrace: 0x...` into names, innermost first.

use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::device::uart;
use crate::{arch, process, time};

static PANICKED: AtomicBool = AtomicBool::new(false);
static HALTED: AtomicUsize = AtomicUsize::new(0);
/// The address at which the kernel trapped, if a trap led to the panic. No call leads from there to
/// the handler, so the backtrace would miss it.
static TRAP_PC: AtomicUsize = AtomicUsize::new(0);

/// Returns how long the other harts get to stop: one tick.
fn patience() -> u64 {
    time::tick_length()
}

/// Notes the address at which the kernel trapped, for the backtrace of a panic.
pub fn note_trap(pc: usize) {
    TRAP_PC.store(pc, Ordering::Relaxed);
}

/// Halts this hart if another one has panicked.
pub fn halt_if_panicked() {
    if PANICKED.load(Ordering::Acquire) {
        HALTED.fetch_add(1, Ordering::Release);
        arch::halt();
    }
}

/// Prints the owner of the current stack: the thread, or the hart's scheduler.
pub struct Whose;

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        process::describe_current(f)
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    arch::disable_interrupts();
    let mut out = uart::Unlocked;
    if PANICKED.swap(true, Ordering::AcqRel) {
        // Either another hart panicked first and will power off, or printing this panic has itself
        // panicked.
        let started = arch::now();
        while arch::now() - started < patience() {
            core::hint::spin_loop();
        }
        arch::power_off(abi::EXIT_PANIC);
    }
    stop_others();
    let _ = write!(out, "\nPANIC: {}", info.message());
    if let Some(location) = info.location() {
        let _ = write!(out, " at {}:{}", location.file(), location.line());
    }
    let _ = writeln!(out);
    let mut print = |address: usize| {
        let _ = writeln!(out, "  backtrace: {address:#x}");
    };
    match TRAP_PC.load(Ordering::Relaxed) {
        0 => {}
        pc => print(pc),
    }
    arch::backtrace(print);
    arch::power_off(abi::EXIT_PANIC)
}

fn stop_others() {
    arch::interrupt_other_harts();
    let started = arch::now();
    // A hart that spins with interrupts off does not see the interrupt. It prints nothing either.
    while HALTED.load(Ordering::Acquire) + 1 < arch::hart_count()
        && arch::now() - started < patience()
    {
        core::hint::spin_loop();
    }
}
