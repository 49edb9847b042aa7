//! Filling and copying memory: whole frames, and copies from and to programs.
//!
//! The user routine is the only code that may access a program's memory. If the processor keeps the
//! kernel from it (SMAP, Intel SDM volume 3, section 4.6.1), this routine alone sets the flag AC. A
//! fault inside it is expected: the trap handler asks [`fixup`] where to continue. A string
//! instruction that faults has counted its progress. A fault among the words continues byte by
//! byte, which finds the exact byte; a fault there ends the routine with the number of bytes that
//! are left.

use core::arch::global_asm;

use mm::addr::VirtAddr;

use super::features;
use super::layout::USER_END;

global_asm!(
    r#"
    .pushsection .text
    # rdi: a frame
frame_zero:
    xor eax, eax
    mov ecx, 512
    rep stosq
    ret

    # rdi: to, rsi: from, both frames
frame_copy:
    mov ecx, 512
    rep movsq
    ret

    # rdi: to, rsi: from, rdx: bytes; answers in rax how many bytes are left
user_copy:
    cmp byte ptr [rip + {smap}], 0
    je 1f
    stac
1:  mov rcx, rdx
    shr rcx, 3
    and edx, 7
user_copy_words:
    rep movsq
    jmp user_copy_rest
user_copy_fault:
    lea rdx, [rdx + rcx * 8]
user_copy_rest:
    mov rcx, rdx
user_copy_bytes:
    rep movsb
user_copy_end:
    mov rax, rcx
    cmp byte ptr [rip + {smap}], 0
    je 2f
    clac
2:  ret
    .popsection
    "#,
    smap = sym features::SMAP,
);

unsafe extern "C" {
    fn frame_zero(frame: *mut u8);
    fn frame_copy(to: *mut u8, from: *const u8);
    fn user_copy(to: usize, from: usize, bytes: usize) -> usize;
    static user_copy_words: u8;
    static user_copy_fault: u8;
    static user_copy_bytes: u8;
    static user_copy_end: u8;
}

/// Zeroes a frame.
///
/// # Safety
/// `frame` is page-aligned and valid for writes of a page.
pub unsafe fn zero_frame(frame: *mut u8) {
    // SAFETY: the caller's promise; the routine writes one page.
    unsafe { frame_zero(frame) }
}

/// Copies a frame.
///
/// # Safety
/// `from` and `to` are page-aligned, valid for a page each, and do not overlap.
pub unsafe fn copy_frame(to: *mut u8, from: *const u8) {
    // SAFETY: the caller's promise; the routine reads one page and writes one.
    unsafe { frame_copy(to, from) }
}

/// Reads a program's memory through the current translation. Returns the number of bytes read
/// before the first fault.
pub fn read_user(from: VirtAddr, to: &mut [u8]) -> usize {
    if !is_user(from, to.len()) {
        return 0;
    }
    // SAFETY: `to` is valid for writes of its length; faults at `from`, which the check keeps out
    // of the kernel's half, end the routine.
    to.len() - unsafe { user_copy(to.as_mut_ptr() as usize, from.0 as usize, to.len()) }
}

/// Writes a program's memory through the current translation. Returns the number of bytes written
/// before the first fault.
pub fn write_user(to: VirtAddr, from: &[u8]) -> usize {
    if !is_user(to, from.len()) {
        return 0;
    }
    // SAFETY: as in `read_user`, the other way round. A program's memory is never a Rust object of
    // the kernel's.
    from.len() - unsafe { user_copy(to.0 as usize, from.as_ptr() as usize, from.len()) }
}

fn is_user(start: VirtAddr, length: usize) -> bool {
    start
        .0
        .checked_add(length as u64)
        .is_some_and(|end| end <= USER_END.0)
}

/// Returns where the kernel continues after a page fault at `pc`, if `pc` is in the user routine.
pub fn fixup(pc: u64) -> Option<u64> {
    let address = |symbol: *const u8| symbol as u64;
    if pc == address(&raw const user_copy_words) {
        Some(address(&raw const user_copy_fault))
    } else if pc == address(&raw const user_copy_bytes) {
        Some(address(&raw const user_copy_end))
    } else {
        None
    }
}
