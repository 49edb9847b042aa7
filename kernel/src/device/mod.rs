//! The devices, and the dispatch of their interrupts.

pub mod block;
#[expect(unsafe_code, reason = "memory that devices read and write")]
pub mod dma;
pub mod uart;

use sync::Held;

use crate::arch::Board;
use crate::{arch, console, given};

/// Enables the interrupts of the devices. Called once by the boot hart, after the disks were found.
pub fn initialize(board: &Board) {
    arch::initialize_interrupt_controller(board);
    uart::enable_input();
    arch::enable_interrupt(arch::serial_interrupt(board));
    block::enable_interrupts();
}

/// Serves a device interrupt. Interrupts are off.
pub fn interrupt(number: u32) {
    let mut held = Held::in_interrupt();
    if number == arch::serial_interrupt(given::board()) {
        while let Some(byte) = uart::read() {
            console::input(byte, &mut held);
        }
    } else {
        block::interrupt(number, &mut held);
    }
}
