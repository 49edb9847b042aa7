//! Switching off through SiFive's test device, as QEMU has it: a word ends the emulator with an exit code.

use core::sync::atomic::{AtomicUsize, Ordering};

use kernel_logic::board::Region;
use mm::addr::PhysAddr;

use crate::arch;

/// Where QEMU's `virt` has the device; used until the device tree has been read.
const USUAL_ADDRESS: u64 = 0x10_0000;

const PASS: u32 = 0x5555;
const FAIL: u32 = 0x3333;
const CODE_SHIFT: u32 = 16;

static REGISTERS: AtomicUsize = AtomicUsize::new(0);

/// Uses these registers from now on.
pub fn use_registers(registers: Region) {
    REGISTERS.store(registers.start as usize, Ordering::Relaxed);
}

/// Ends the emulator with this exit code.
pub fn off(code: u8) -> ! {
    let word = match code {
        0 => PASS,
        code => FAIL | u32::from(code) << CODE_SHIFT,
    };
    let address = match REGISTERS.load(Ordering::Relaxed) {
        0 => USUAL_ADDRESS,
        address => address as u64,
    };
    let register: *mut u32 = arch::to_virtual(PhysAddr(address)).cast();
    // SAFETY: the device's only register, mapped by every table of the kernel.
    unsafe { register.write_volatile(word) };
    arch::halt()
}
