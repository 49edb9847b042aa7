//! Filling and copying memory: whole frames, and copies from and to programs.
//!
//! The two user routines are the only code that may access a program's memory. They alone set
//! `sstatus.SUM` (section 10.1.1.2), and a fault inside them is expected: the trap handler asks
//! [`fixup`] where to continue. A fault in the loop that copies words continues in the loop that
//! copies bytes, which finds the exact byte. A fault there ends the routine with the number of
//! bytes that are left.

use core::arch::global_asm;

use mm::addr::VirtAddr;

use super::layout::USER_END;

/// `sstatus` (section 10.1.1): the permission to use programs' memory.
pub(super) const SUM: usize = 1 << 18;

global_asm!(
    r#"
    .pushsection .text
    # a0: a frame
frame_zero:
    li t0, 4096
    add t0, a0, t0
1:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    sd zero, 8 * \n(a0)
    .endr
    addi a0, a0, 128
    bltu a0, t0, 1b
    ret

    # a0: to, a1: from, both frames
frame_copy:
    li t0, 4096
    add t0, a0, t0
1:
    .irp n, 0,8
    ld a2, 8 * \n + 0(a1)
    ld a3, 8 * \n + 8(a1)
    ld a4, 8 * \n + 16(a1)
    ld a5, 8 * \n + 24(a1)
    ld a6, 8 * \n + 32(a1)
    ld a7, 8 * \n + 40(a1)
    ld t1, 8 * \n + 48(a1)
    ld t2, 8 * \n + 56(a1)
    sd a2, 8 * \n + 0(a0)
    sd a3, 8 * \n + 8(a0)
    sd a4, 8 * \n + 16(a0)
    sd a5, 8 * \n + 24(a0)
    sd a6, 8 * \n + 32(a0)
    sd a7, 8 * \n + 40(a0)
    sd t1, 8 * \n + 48(a0)
    sd t2, 8 * \n + 56(a0)
    .endr
    addi a0, a0, 128
    addi a1, a1, 128
    bltu a0, t0, 1b
    ret

    # a0: to, a1: from, a2: bytes; answers in a0 how many bytes are left
user_copy:
    li t0, {sum}
    csrs sstatus, t0
    or t1, a0, a1
    andi t1, t1, 7
    bnez t1, user_copy_bytes
    li t2, 32
user_copy_words:
    bltu a2, t2, 2f
    ld t3, 0(a1)
    ld t4, 8(a1)
    ld t5, 16(a1)
    ld t6, 24(a1)
    sd t3, 0(a0)
    sd t4, 8(a0)
    sd t5, 16(a0)
    sd t6, 24(a0)
    addi a0, a0, 32
    addi a1, a1, 32
    addi a2, a2, -32
    j user_copy_words
2:  li t2, 8
3:  bltu a2, t2, user_copy_bytes
    ld t3, 0(a1)
    sd t3, 0(a0)
    addi a0, a0, 8
    addi a1, a1, 8
    addi a2, a2, -8
    j 3b
user_copy_bytes:
    beqz a2, user_copy_end
    lb t3, 0(a1)
    sb t3, 0(a0)
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    j user_copy_bytes
user_copy_end:
    csrc sstatus, t0
    mv a0, a2
    ret
    .popsection
    "#,
    sum = const SUM,
);

unsafe extern "C" {
    fn frame_zero(frame: *mut u8);
    fn frame_copy(to: *mut u8, from: *const u8);
    fn user_copy(to: usize, from: usize, bytes: usize) -> usize;
    static user_copy_words: u8;
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
        .is_some_and(|end| end <= USER_END)
}

/// Returns where the kernel continues after a page fault at `pc`, if `pc` is in a user routine.
pub fn fixup(pc: usize) -> Option<usize> {
    let (words, bytes, end) = (
        (&raw const user_copy_words) as usize,
        (&raw const user_copy_bytes) as usize,
        (&raw const user_copy_end) as usize,
    );
    if (words..bytes).contains(&pc) {
        Some(bytes)
    } else if (bytes..end).contains(&pc) {
        Some(end)
    } else {
        None
    }
}
