//! The platform-level interrupt controller (RISC-V PLIC specification 1.0.0).
//!
//! All device interrupts go to hart 0. They are short, and waking several harts for one of them
//! would cost more than it saves. Registers are 32 bits wide.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use mm::addr::PhysAddr;

use super::Board;
use super::layout::to_virtual;

const PRIORITY: usize = 0;
const ENABLE: usize = 0x2000;
const ENABLE_STRIDE: usize = 0x80;
const CONTEXT: usize = 0x20_0000;
const CONTEXT_STRIDE: usize = 0x1000;
const THRESHOLD: usize = 0;
const CLAIM: usize = 4;

static REGISTERS: AtomicUsize = AtomicUsize::new(0);
/// The context of hart 0.
static CONTEXT_NUMBER: AtomicU32 = AtomicU32::new(0);

fn register(offset: usize) -> *mut u32 {
    (REGISTERS.load(Ordering::Relaxed) + offset) as *mut u32
}

fn context() -> usize {
    CONTEXT_NUMBER.load(Ordering::Relaxed) as usize
}

fn context_register(offset: usize) -> *mut u32 {
    register(CONTEXT + CONTEXT_STRIDE * context() + offset)
}

/// Finds the controller, and passes every enabled interrupt to hart 0.
pub fn initialize(board: &Board) {
    REGISTERS.store(
        to_virtual(PhysAddr(board.platform.plic.start)) as usize,
        Ordering::Relaxed,
    );
    CONTEXT_NUMBER.store(board.platform.context, Ordering::Relaxed);
    // SAFETY: a register of the controller, mapped by `kernel_space`.
    unsafe { context_register(THRESHOLD).write_volatile(0) };
}

/// Enables a device interrupt.
pub fn enable_interrupt(number: u32) {
    let word = ENABLE + ENABLE_STRIDE * context() + 4 * (number as usize / 32);
    // SAFETY: registers of the controller, mapped by `kernel_space`; only the boot hart gets here,
    // so the read and the write are not torn apart.
    unsafe {
        register(PRIORITY + 4 * number as usize).write_volatile(1);
        let enabled = register(word).read_volatile();
        register(word).write_volatile(enabled | 1 << (number % 32));
    }
}

/// Calls `handler` with every pending interrupt.
pub(super) fn handle(handler: impl Fn(u32)) {
    let claim = context_register(CLAIM);
    loop {
        // SAFETY: reading the claim register takes the interrupt, writing it says that it has been
        // served. Only hart 0 takes external interrupts, and they are off while it does.
        let number = unsafe { claim.read_volatile() };
        if number == 0 {
            return;
        }
        handler(number);
        // SAFETY: as above.
        unsafe { claim.write_volatile(number) };
    }
}
