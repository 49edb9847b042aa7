//! The control registers as the firmware or a starting processor leaves them, set to what the
//! kernel relies on.
//!
//! | register | value | consequence |
//! |---|---|---|
//! | CR0.WP | 1, from the entry on | the kernel's writes obey read-only entries, and so copy-on-write |
//! | CR0.AM | 0 | the program's flag AC means nothing |
//! | CR0.TS | by `float` | the first floating-point instruction traps |
//! | CR4.TSD | 0 | programs may read the clock (`rdtsc`) |
//! | CR4.PCE, FSGSBASE, PKE | 0 | programs have none of these, whose registers the kernel does not keep |
//! | CR4.SMEP, SMAP, UMIP, PGE, PCIDE, OSXSAVE | 1 where there is one | see `features` |
//! | XCR0 | x87, SSE, AVX where there is one | all that `float` saves |
//! | EFER | long mode, no-execute, `syscall` | |
//! | I/O permission map | none | a port touched by a program faults, see `descriptors` |
//! | DR7 | 0 | no breakpoints |

use core::arch::asm;

use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};
use x86_64::registers::xcontrol::{XCr0, XCr0Flags};

use super::features::{Features, has};

/// Sets the control registers of this hart. The kernel's tables are in force and identifier 0 is in
/// use.
pub(super) fn set() {
    let mut cr4 =
        Cr4Flags::PHYSICAL_ADDRESS_EXTENSION | Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE;
    for (feature, flag) in [
        (Features::GLOBAL_PAGES, Cr4Flags::PAGE_GLOBAL),
        (
            Features::SMEP,
            Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION,
        ),
        (Features::SMAP, Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION),
        (Features::UMIP, Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION),
        (Features::PCID, Cr4Flags::PCID),
        (Features::XSAVE, Cr4Flags::OSXSAVE),
    ] {
        cr4.set(flag, has(feature));
    }
    let cr0 = Cr0Flags::PROTECTED_MODE_ENABLE
        | Cr0Flags::MONITOR_COPROCESSOR
        | Cr0Flags::EXTENSION_TYPE
        | Cr0Flags::NUMERIC_ERROR
        | Cr0Flags::WRITE_PROTECT
        | Cr0Flags::PAGING
        | Cr0Flags::TASK_SWITCHED;
    let efer = EferFlags::LONG_MODE_ENABLE
        | EferFlags::LONG_MODE_ACTIVE
        | EferFlags::NO_EXECUTE_ENABLE
        | EferFlags::SYSTEM_CALL_EXTENSIONS;
    // SAFETY: paging, long mode and protection stay as they are; the rest takes from programs what
    // the kernel does not save, and gives the kernel what `features` has found.
    unsafe {
        Cr0::write_raw(cr0.bits());
        Cr4::write_raw(cr4.bits());
        Efer::write_raw(efer.bits());
        asm!("mov dr7, {}", in(reg) 0_u64, options(nostack));
    }
    if has(Features::XSAVE) {
        let mut state = XCr0Flags::X87 | XCr0Flags::SSE;
        state.set(XCr0Flags::AVX, has(Features::AVX));
        // SAFETY: OSXSAVE has just been set, and these states go together.
        unsafe { XCr0::write(state) };
    }
}
