//! Switching off: QEMU's debug-exit device ends the emulator with an exit code, ACPI's soft-off
//! state ends any PC without one.

use core::sync::atomic::{AtomicU32, Ordering};

use kernel_logic::board::sleep::SoftOff;
use x86_64::instructions::port::Port;

use super::Board;
use super::interrupts::halt;

/// Where xtask puts the device. A word `n` ends the emulator with 2n + 1; 0 would be QEMU's own
/// failure.
const DEBUG_EXIT: u16 = 0xf4;

/// The ports of the control registers, and what goes into them, 16 bits each.
static REGISTER_A: AtomicU32 = AtomicU32::new(0);
static REGISTER_B: AtomicU32 = AtomicU32::new(0);

/// How the board is switched off.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// The ports of the control registers PM1a and PM1b; 0 for none.
    pub ports: [u16; 2],
    /// The values that switch the board off.
    pub state: SoftOff,
}

/// Uses the board's power switch from now on.
pub(super) fn use_board(board: &Board) {
    let Some(Switch { ports, state }) = board.platform.power else {
        return;
    };
    for (register, port, kind) in [
        (&REGISTER_A, ports[0], state.a),
        (&REGISTER_B, ports[1], state.b),
    ] {
        const SLEEP_ENABLE: u16 = 1 << 13;
        let value = u16::from(kind & 7) << 10 | SLEEP_ENABLE;
        if port != 0 {
            register.store(u32::from(port) << 16 | u32::from(value), Ordering::Relaxed);
        }
    }
}

/// Ends the emulator with this exit code, or switches the machine off.
pub fn power_off(code: u8) -> ! {
    // SAFETY: the port is the debug-exit device's, or nobody's.
    unsafe { Port::new(DEBUG_EXIT).write(u32::from(code) + 1) };
    for register in [&REGISTER_A, &REGISTER_B] {
        let word = register.load(Ordering::Relaxed);
        if word != 0 {
            // SAFETY: a control register by ACPI's tables; the value switches the machine off.
            unsafe { Port::new((word >> 16) as u16).write(word as u16) };
        }
    }
    halt()
}
