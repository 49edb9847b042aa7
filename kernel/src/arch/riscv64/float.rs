//! The floating-point state of a thread, saved lazily.
//!
//! The kernel uses no floating point, so the registers hold the values of at most one program.
//! `sstatus.FS` (section 10.1.1.5) is Off until a thread's first floating-point instruction, which
//! traps. Then it is Clean, and the hardware sets Dirty at the first change. A thread that never
//! uses floating point costs one CSR write for each switch. A thread that only reads costs a load.
//! Only Dirty state is stored.

use core::arch::{asm, global_asm};

/// `sstatus.FS`: Off is 0.
const FS: usize = 0b11 << 13;
const FS_INITIAL: usize = 0b01 << 13;
const FS_CLEAN: usize = 0b10 << 13;
const FS_DIRTY: usize = FS;

/// f0 to f31 and fcsr of a thread that does not run.
#[repr(C)]
#[derive(Clone, Debug)]
pub struct FloatState {
    registers: [u64; 32],
    control: u64,
    used: bool,
}

global_asm!(
    ".pushsection .text",
    ".option push",
    ".option arch, +d",
    "float_save:",
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
    "fsd f\\n, 8 * \\n(a0)",
    ".endr",
    "frcsr t0",
    "sd t0, 8 * 32(a0)",
    "ret",
    "float_load:",
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
    "fld f\\n, 8 * \\n(a0)",
    ".endr",
    "ld t0, 8 * 32(a0)",
    "fscsr t0",
    "ret",
    ".option pop",
    ".popsection",
);

unsafe extern "C" {
    fn float_save(state: *mut FloatState);
    fn float_load(state: *const FloatState);
}

impl Default for FloatState {
    fn default() -> Self {
        Self::new()
    }
}

impl FloatState {
    /// Returns the state of a thread that has not used floating point.
    pub const fn new() -> Self {
        Self {
            registers: [0; 32],
            control: 0,
            used: false,
        }
    }

    /// Enables floating point for the thread that runs here. Interrupts are off.
    pub fn enable(&mut self) {
        self.used = true;
        self.restore();
    }

    /// Saves the changes of the thread that runs here. Interrupts are off.
    pub fn save(&mut self) {
        if status() == FS_DIRTY {
            // SAFETY: floating point is on, and `self` has room for all registers (repr(C), in this
            // order).
            unsafe { float_save(self) };
            set_status(FS_CLEAN);
        }
    }

    /// Loads this state into the hart. Interrupts are off.
    pub fn restore(&self) {
        if self.used {
            set_status(FS_INITIAL);
            // SAFETY: floating point is on; the values are the thread's own.
            unsafe { float_load(self) };
            set_status(FS_CLEAN);
        } else {
            set_status(0);
        }
    }
}

/// Returns whether floating-point instructions trap on this hart.
pub fn is_off() -> bool {
    status() == 0
}

fn status() -> usize {
    riscv::register::sstatus::read().bits() & FS
}

fn set_status(status: usize) {
    // SAFETY: FS decides only whether floating-point registers may be used, which the compiler
    // never does here.
    unsafe {
        asm!("csrc sstatus, {}", "csrs sstatus, {}", in(reg) FS, in(reg) status, options(nostack))
    };
}
