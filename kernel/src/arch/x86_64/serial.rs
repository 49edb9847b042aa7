//! Access to the registers of the serial line, which are at the usual ports of a PC's first one.

use x86_64::instructions::port::Port;

use super::Board;
use super::vector::SERIAL;

/// COM1.
const FIRST_PORT: u16 = 0x3f8;

/// Loads a register of the serial line.
pub fn load_serial(offset: u16) -> u8 {
    // SAFETY: a port of the device; what reading takes from it is for the caller.
    unsafe { Port::new(FIRST_PORT + offset).read() }
}

/// Stores to a register of the serial line.
pub fn store_serial(offset: u16, value: u8) {
    // SAFETY: as in `load_serial`.
    unsafe { Port::new(FIRST_PORT + offset).write(value) }
}

/// Returns the number of the serial line's interrupt.
pub fn serial_interrupt(_: &Board) -> u32 {
    SERIAL.into()
}
