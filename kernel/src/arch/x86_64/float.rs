//! The floating-point state of a thread, loaded lazily but never left in the registers for another
//! program.
//!
//! The kernel uses no floating point, so the registers hold the values of one program, or the
//! initial values. CR0.TS is set until a thread's first floating-point instruction, which traps.
//! From then on the thread's state is saved whenever it gives the hart up, and loaded before it
//! runs.
//!
//! TS alone would not hide the values of another program, because a processor may speculate past
//! the trap with the contents of the registers (lazy FP, CVE-2018-3665). Before a thread without a
//! state runs, the registers are therefore set to the initial values. That costs something only
//! after a thread that had a state.

use core::arch::asm;

use super::features::{Features, has};
use super::hart::{HARTS_MAX, hart};
use core::sync::atomic::{AtomicBool, Ordering};

/// x87, SSE and AVX: all that XCR0 permits (`inherited`).
const ALL: u32 = 0b111;
/// The legacy region, the header and the upper halves of the AVX registers (Intel SDM volume 1,
/// section 13.4).
const SIZE: usize = 512 + 64 + 256;
/// The offsets of the control words in the legacy region, and their initial values: every exception
/// masked.
const CONTROL: usize = 0;
const INITIAL_CONTROL: u16 = 0x037f;
const SSE_CONTROL: usize = 24;
const INITIAL_SSE_CONTROL: u32 = 0x1f80;

/// The registers of a thread that does not run.
#[repr(C, align(64))]
#[derive(Clone, Debug)]
pub struct FloatState {
    area: [u8; SIZE],
    used: bool,
}

/// The initial state.
static INITIAL: FloatState = FloatState::new();

/// Whether the registers of a hart hold the values of a thread.
static OCCUPIED: [AtomicBool; HARTS_MAX] = [const { AtomicBool::new(true) }; HARTS_MAX];

impl Default for FloatState {
    fn default() -> Self {
        Self::new()
    }
}

impl FloatState {
    /// Returns the state of a thread that has not used floating point.
    pub const fn new() -> Self {
        let mut area = [0; SIZE];
        let (control, sse) = (
            INITIAL_CONTROL.to_le_bytes(),
            INITIAL_SSE_CONTROL.to_le_bytes(),
        );
        area[CONTROL] = control[0];
        area[CONTROL + 1] = control[1];
        area[SSE_CONTROL] = sse[0];
        area[SSE_CONTROL + 1] = sse[1];
        Self { area, used: false }
    }

    /// Enables floating point for the thread that runs here. Interrupts are off.
    pub fn enable(&mut self) {
        self.used = true;
        self.restore();
    }

    /// Saves the changes of the thread that runs here. Interrupts are off.
    pub fn save(&mut self) {
        if !self.used {
            return;
        }
        let area = self.area.as_mut_ptr();
        // SAFETY: TS is clear, because the thread that runs uses floating point; the area is
        // aligned to 64 and has room for all that XCR0 permits.
        unsafe {
            if has(Features::XSAVE) {
                asm!("xsave64 [{}]", in(reg) area, in("eax") ALL, in("edx") 0, options(nostack));
            } else {
                asm!("fxsave64 [{}]", in(reg) area, options(nostack));
            }
        }
    }

    /// Loads this state into the hart. Interrupts are off.
    pub fn restore(&self) {
        let occupied = &OCCUPIED[hart()];
        if self.used {
            clear_task_switched();
            self.load();
            occupied.store(true, Ordering::Relaxed);
        } else {
            if occupied.swap(false, Ordering::Relaxed) {
                clear_task_switched();
                INITIAL.load();
            }
            set_task_switched();
        }
    }

    fn load(&self) {
        let area = self.area.as_ptr();
        // SAFETY: TS is clear; the area holds what a save left there, or the initial values, whose
        // header says that the rest is initial too. The compiler uses none of these registers here.
        unsafe {
            if has(Features::XSAVE) {
                asm!("xrstor64 [{}]", in(reg) area, in("eax") ALL, in("edx") 0, options(nostack));
            } else {
                asm!("fxrstor64 [{}]", in(reg) area, options(nostack));
            }
        }
    }
}

/// Returns whether floating-point instructions trap on this hart.
pub fn is_off() -> bool {
    use x86_64::registers::control::{Cr0, Cr0Flags};
    Cr0::read().contains(Cr0Flags::TASK_SWITCHED)
}

fn clear_task_switched() {
    // SAFETY: TS decides only whether floating-point instructions trap.
    unsafe { asm!("clts", options(nostack, nomem)) };
}

fn set_task_switched() {
    use x86_64::registers::control::{Cr0, Cr0Flags};
    // SAFETY: as above.
    unsafe { Cr0::update(|flags| flags.insert(Cr0Flags::TASK_SWITCHED)) };
}
