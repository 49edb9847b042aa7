//! The control registers as the firmware leaves them, set to what the kernel relies on.
//!
//! Firmware may switch anything on, and OpenSBI switches on what the processor has. An extension
//! whose registers the kernel does not save leaks them from one program to the next, so every
//! control register that decides what a program may use is written here before a hart first runs a
//! program. None keeps the firmware's value:
//!
//! | register | value | consequence for programs |
//! |---|---|---|
//! | `sstatus.VS` | Off | a vector instruction ends the program, because its state is not saved |
//! | `sstatus.FS` | Off | the first floating-point instruction traps, see `float` |
//! | `sstatus.SUM`, `MXR`, `UBE` | 0 | no access outside `copy`, no read of what may only be run |
//! | `senvcfg` | 0 | no cache-block instructions, pointer masks, shadow stacks or landing pads |
//! | `sstateen0` | 0 | with Smstateen: no custom, `jvt` or Zfinx state |
//! | `scounteren` | `cycle`, `time`, `instret` | the other counters are illegal to read |
//!
//! Elsewhere: `sie` is 0 from the first instruction (`boot`) until `interrupts` chooses the
//! sources, `stvec` and `sscratch` belong to `trap`, `satp` to `boot` and `machine`. A new
//! extension with registers of its own needs a line here or room in the thread's place.

use core::arch::asm;

/// `sstatus` with 64-bit programs (UXL, section 10.1.1.3) and all else 0.
const STATUS: usize = 0b10 << 32;
/// `scounteren` (section 10.1.5).
const CYCLE_TIME_INSTRET: usize = 0b111;

/// Writes a register that older processors do not have: where it is missing the write traps and the
/// hart goes on behind it.
///
/// The number of the register is written out, since assemblers do not know all names. Interrupts
/// are off.
macro_rules! clear_if_present {
    ($register:literal) => {
        // SAFETY: for the length of one instruction the vector points behind it, so that a trap
        // skips the instruction and changes nothing but `scause`, `sepc`, `stval` and the SPP and
        // SPIE bits of `sstatus`, none of which is in use while interrupts are off at boot. A value
        // of 0 permits programs nothing.
        unsafe {
            asm!(
                "la {behind}, 2f",
                "csrrw {vector}, stvec, {behind}",
                concat!("csrw ", $register, ", zero"),
                ".balign 4",
                "2:",
                "csrw stvec, {vector}",
                behind = out(reg) _,
                vector = out(reg) _,
                options(nostack)
            )
        }
    };
}

/// Sets every register in the table above. Called once on each hart with interrupts off, before it
/// runs programs.
pub(super) fn reset() {
    clear_if_present!("0x10a"); // senvcfg
    clear_if_present!("0x10c"); // sstateen0
    // SAFETY: interrupts stay off, and no access is under way that needs SUM. The counters only
    // decide what programs may read.
    unsafe {
        asm!(
            "csrw scounteren, {counters}",
            "csrw sstatus, {status}",
            counters = in(reg) CYCLE_TIME_INSTRET,
            status = in(reg) STATUS,
            options(nostack)
        )
    };
}
