//! Switching off through SiFive's test device, as QEMU has it: a word ends the emulator with an
//! exit code.

use core::sync::atomic::{AtomicUsize, Ordering};

use mm::addr::PhysAddr;

use super::interrupts::halt;
use super::{Board, to_virtual};

/// The address of the device on QEMU's `virt` board; used until the device tree has been read.
const USUAL_ADDRESS: usize = 0x10_0000;

const PASS: u32 = 0x5555;
const FAIL: u32 = 0x3333;
const CODE_SHIFT: u32 = 16;

static REGISTERS: AtomicUsize = AtomicUsize::new(USUAL_ADDRESS);

/// Uses the board's power switch from now on.
pub(super) fn use_board(board: &Board) {
    if let Some(device) = board.platform.power {
        REGISTERS.store(device.registers.start as usize, Ordering::Relaxed);
    }
}

/// Ends the emulator with this exit code.
pub fn power_off(code: u8) -> ! {
    let word = match code {
        0 => PASS,
        code => FAIL | u32::from(code) << CODE_SHIFT,
    };
    let address = PhysAddr(REGISTERS.load(Ordering::Relaxed) as u64);
    let register: *mut u32 = to_virtual(address).cast();
    // SAFETY: the device's only register, mapped by every table of the kernel.
    unsafe { register.write_volatile(word) };
    halt()
}
