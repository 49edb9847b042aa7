//! The interrupt controller of the board, I/O APIC (Intel 82093AA). Of the devices this kernel uses
//! only the serial line needs it: disks write their interrupts to a hart's own controller (see
//! `virtio`).
//!
//! All device interrupts go to hart 0. They are short, and waking several harts for one of them
//! would cost more than it saves.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use mm::addr::PhysAddr;

use super::Board;
use super::hart::hart_id;
use super::layout::to_virtual;
use super::vector::SERIAL;

/// The registers are reached through these two.
const SELECT: usize = 0;
const WINDOW: usize = 0x10;
/// The first of two registers of the first line.
const LINES: u32 = 0x10;
const MASKED: u32 = 1 << 16;
const LEVEL: u32 = 1 << 15;
const ACTIVE_LOW: u32 = 1 << 13;

static REGISTERS: AtomicUsize = AtomicUsize::new(0);
/// The line of the serial interface and its flags.
static SERIAL_LINE: AtomicU32 = AtomicU32::new(0);

/// A line of the controller.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The number of the line.
    pub number: u32,
    /// Whether it is active when low.
    pub active_low: bool,
    /// Whether it stays active until it has been served.
    pub level: bool,
}

fn write(register: u32, value: u32) {
    let start = REGISTERS.load(Ordering::Relaxed);
    // SAFETY: registers of the controller, mapped by `kernel_space`; only the boot hart gets here,
    // so the two writes are not torn apart.
    unsafe {
        ((start + SELECT) as *mut u32).write_volatile(register);
        ((start + WINDOW) as *mut u32).write_volatile(value);
    }
}

/// Finds the controller and masks the serial line's interrupt.
pub fn initialize(board: &Board) {
    let registers = to_virtual(PhysAddr(board.platform.io_apic)) as usize;
    REGISTERS.store(registers, Ordering::Relaxed);
    let line = board.platform.serial;
    let mut word = line.number;
    if line.active_low {
        word |= ACTIVE_LOW;
    }
    if line.level {
        word |= LEVEL;
    }
    SERIAL_LINE.store(word, Ordering::Relaxed);
    write(LINES + 2 * line.number, MASKED);
}

/// Enables a device interrupt. Those of disks need no action.
pub fn enable_interrupt(number: u32) {
    if number != SERIAL.into() {
        return;
    }
    let word = SERIAL_LINE.load(Ordering::Relaxed);
    let flags = ACTIVE_LOW | LEVEL;
    let line = LINES + 2 * (word & !flags);
    write(line + 1, (hart_id(0) as u32) << 24);
    write(line, word & flags | number);
}
