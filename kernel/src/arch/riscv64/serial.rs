//! Access to the registers of the serial line, which are in memory.

use core::sync::atomic::{AtomicUsize, Ordering};

use mm::addr::PhysAddr;

use super::{Board, to_virtual};

/// The address of the device on QEMU's `virt` board; used until the device tree has been read.
const USUAL_ADDRESS: usize = 0x1000_0000;

static REGISTERS: AtomicUsize = AtomicUsize::new(USUAL_ADDRESS);

fn register(offset: u16) -> *mut u8 {
    let start = PhysAddr(REGISTERS.load(Ordering::Relaxed) as u64);
    to_virtual(start).wrapping_add(offset.into())
}

/// Loads a register of the serial line.
pub fn load_serial(offset: u16) -> u8 {
    // SAFETY: a register of the device, mapped by every table of the kernel.
    unsafe { register(offset).read_volatile() }
}

/// Stores to a register of the serial line.
pub fn store_serial(offset: u16, value: u8) {
    // SAFETY: as in `load_serial`.
    unsafe { register(offset).write_volatile(value) }
}

/// Uses the board's serial line from now on.
pub(super) fn use_board(board: &Board) {
    let registers = board.platform.uart.registers;
    REGISTERS.store(registers.start as usize, Ordering::Relaxed);
}

/// Returns the number of the serial line's interrupt.
pub fn serial_interrupt(board: &Board) -> u32 {
    board.platform.uart.interrupt
}
