//! The processor's exceptions (Intel SDM volume 3, chapter 7).

use mm::space::Access;

use super::layout::is_canonical;
use super::registers::UserRegisters;

/// Numbers of exceptions.
pub(super) const DEBUG: usize = 1;
pub(super) const NON_MASKABLE: usize = 2;
pub(super) const BREAKPOINT: usize = 3;
pub(super) const OVERFLOW: usize = 4;
pub(super) const NO_FLOAT: usize = 7;
pub(super) const DOUBLE_FAULT: usize = 8;
pub(super) const STACK: usize = 12;
pub(super) const PROTECTION: usize = 13;
pub(super) const PAGE_FAULT: usize = 14;
pub(super) const MACHINE_CHECK: usize = 18;

/// Returns the name of an exception, for people.
pub(super) fn name(vector: usize) -> &'static str {
    match vector {
        0 => "division error",
        DEBUG => "debug trap",
        NON_MASKABLE => "non-maskable interrupt",
        BREAKPOINT => "breakpoint",
        OVERFLOW => "overflow",
        5 => "bound exceeded",
        6 => "illegal instruction",
        NO_FLOAT => "no floating point",
        DOUBLE_FAULT => "double fault",
        10 => "invalid task-state segment",
        11 => "segment not present",
        STACK => "stack fault",
        PROTECTION => "general protection fault",
        PAGE_FAULT => "page fault",
        16 => "floating-point error",
        17 => "misaligned access",
        MACHINE_CHECK => "machine check",
        19 => "SIMD floating-point error",
        20 => "virtualization exception",
        21 => "control-flow violation",
        _ => "unknown exception",
    }
}

/// The bits of a page fault's error code (section 5.7).
const FOR_WRITE: u64 = 1 << 1;
const FOR_FETCH: u64 = 1 << 4;

/// Returns the kind of access that caused a page fault.
pub(super) fn access(error: u64) -> Access {
    if error & FOR_FETCH != 0 {
        Access::Execute
    } else if error & FOR_WRITE != 0 {
        Access::Write
    } else {
        Access::Read
    }
}

/// Returns the likely cause of an exception that was no page fault, and the number that shows it.
///
/// The processor does not say which address was not canonical, nor whether that was the cause. An
/// error code that is not 0 names a segment or a gate. Otherwise a register with an address that is
/// not canonical is the likely cause, because instructions make such an address from canonical ones
/// only by a displacement.
pub(super) fn protection(registers: &UserRegisters) -> (&'static str, u64) {
    if registers.error != 0 {
        return (
            "general protection fault: a segment or gate of the kernel's",
            registers.error,
        );
    }
    let mut all = registers.general().into_iter();
    match all.find(|&word| !is_canonical(word)) {
        Some(word) => ("access to an address that is not canonical", word),
        None => ("general protection fault: a privileged instruction", 0),
    }
}
