//! The devices, and which of them an interrupt belongs to.

pub mod block;
mod dma;
pub mod power;
pub mod uart;

use kernel_logic::board::Board;
use sync::Held;
use sync::level::Sleeping;

use crate::{arch, boot, console};

/// Uses the board's serial line and power switch from now on, instead of where QEMU's `virt` has them.
pub fn use_board(board: &Board) {
    uart::use_registers(board.uart.registers);
    if let Some(device) = board.power {
        power::use_registers(device.registers);
    }
}

/// Lets the devices interrupt. Called once by the boot hart, when the disks have been found.
pub fn initialize(board: &Board) {
    arch::initialize_interrupt_controller(board);
    uart::enable_input();
    arch::enable_interrupt(board.uart.interrupt);
    block::enable_interrupts();
}

/// Serves a device interrupt. Interrupts are off.
pub fn interrupt(number: u32) {
    // A trap handler begins here: interrupts are only on where no spin lock is held.
    let mut held = Held::<Sleeping>::claim();
    if number == boot::board().uart.interrupt {
        while let Some(byte) = uart::read() {
            console::input(byte, &mut held);
        }
    } else {
        block::interrupt(number, &mut held);
    }
}
