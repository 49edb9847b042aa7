//! The only access to the bytes of frames. Every unsafe block of this crate is here, or in the
//! frame table's use of this module.
//!
//! The module relies on three invariants. By the contract of [`Machine`], a frame's pointer is
//! valid, and nothing outside this crate uses the frame. An [`OwnedFrame`] is the only reference to
//! its frame. Frames of tables and of kernel objects are accessed as atomic words only.

use core::mem::MaybeUninit;

use abi::PAGE_SIZE;
use sync::atomic::AtomicWord;

use crate::addr::FrameNo;
use crate::frame::OwnedFrame;
use crate::machine::Machine;
use crate::pt::{AtomicPte, ENTRIES};

/// Returns the bytes of an owned frame.
pub(crate) fn owned_bytes<'a, M: Machine>(
    machine: &'a M,
    frame: &'a OwnedFrame<'_, M>,
) -> &'a [u8; PAGE_SIZE] {
    // SAFETY: valid by Machine's contract; shared for as long as the owner is borrowed, and only
    // through the owner can anybody write.
    unsafe { &*machine.frame_address(frame.frame()).cast() }
}

/// Returns the bytes of an owned frame, for changing them.
pub(crate) fn owned_bytes_mut<'a, M: Machine>(
    machine: &'a M,
    frame: &'a mut OwnedFrame<'_, M>,
) -> &'a mut [u8; PAGE_SIZE] {
    // SAFETY: valid by Machine's contract; the owner is borrowed for writing, so this is the only
    // reference.
    unsafe { &mut *machine.frame_address(frame.frame()).cast() }
}

/// Returns the bytes of a frame to which one entry of an address space refers and nothing else. No
/// hart uses the space, and it is borrowed for as long (`_keeper`).
pub(crate) fn unshared_bytes_mut<'a, M: Machine, K>(
    machine: &M,
    frame: FrameNo,
    _keeper: &'a mut K,
) -> &'a mut [u8; PAGE_SIZE] {
    // SAFETY: valid by Machine's contract; no hart translates to the frame, no other entry refers
    // to it, and the space that does is mutably borrowed through `_keeper`.
    unsafe { &mut *machine.frame_address(frame).cast() }
}

/// Fills an owned frame with zeros.
pub(crate) fn zero<M: Machine>(machine: &M, frame: &mut OwnedFrame<'_, M>) {
    // SAFETY: the frame is its owner's alone.
    unsafe { machine.zero_frame(frame.frame()) }
}

/// Fills a frame that is being freed with a pattern, so that a later use of it is noticed.
pub(crate) fn poison<M: Machine>(machine: &M, frame: FrameNo) {
    // SAFETY: its last reference is gone and it is not on a free list yet, so the frame is the
    // caller's alone.
    unsafe { machine.frame_address(frame).write_bytes(0xa5, PAGE_SIZE) }
}

/// Copies a frame into an owned one. The source is write-protected in every entry, or not mapped,
/// or holds a page of a file.
pub(crate) fn copy<M: Machine>(machine: &M, from: FrameNo, to: &mut OwnedFrame<'_, M>) {
    // SAFETY: `to` is its owner's alone. `from` is shared and therefore writable in nobody's
    // translation (R2), or the entry of its sole owner was broken and flushed (R3), so nobody
    // writes it; or it is a file's, which programs may write, and is what they make of it.
    unsafe { machine.copy_frame(from, to.frame()) }
}

/// Returns the bytes of a frame into which a swap slot or a page of a file is being read. `_keeper`
/// is the read.
pub(crate) fn incoming_bytes_mut<'a, M: Machine, K>(
    machine: &M,
    frame: FrameNo,
    _keeper: &'a mut K,
) -> &'a mut [u8; PAGE_SIZE] {
    // SAFETY: valid by Machine's contract; nobody maps or looks into a frame of a cache while it is
    // being read, and the one read there is, is mutably borrowed through `_keeper`.
    unsafe { &mut *machine.frame_address(frame).cast() }
}

/// Returns the bytes of a frame that is being written to a swap slot or a file. `_keeper` is the
/// write.
pub(crate) fn outgoing_bytes<'a, M: Machine, K>(
    machine: &M,
    frame: FrameNo,
    _keeper: &'a K,
) -> &'a [u8; PAGE_SIZE] {
    // SAFETY: valid by Machine's contract; a frame that is being written is writable in nobody's
    // translation, and cannot be freed before the write, borrowed through `_keeper`, has ended.
    unsafe { &*machine.frame_address(frame).cast() }
}

/// Copies from a frame that programs may be writing. The caller holds a reference to it.
///
/// # Panics
/// If the bytes reach beyond the end of the frame.
pub(crate) fn read_shared<M: Machine>(machine: &M, frame: FrameNo, offset: usize, to: &mut [u8]) {
    assert!(offset + to.len() <= PAGE_SIZE, "a page has no such bytes");
    // SAFETY: valid by Machine's contract and the assertion; `to` is elsewhere, for frames of files
    // are never borrowed. The kernel writes such a frame only under its file-system lock, which the
    // caller has; programs' stores are no accesses of this program.
    unsafe {
        let from = machine.frame_address(frame).add(offset);
        core::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), to.len());
    }
}

/// Copies to a frame that programs may be reading and writing. The caller holds a reference to it.
///
/// # Panics
/// If the bytes reach beyond the end of the frame.
pub(crate) fn write_shared<M: Machine>(machine: &M, frame: FrameNo, offset: usize, from: &[u8]) {
    assert!(offset + from.len() <= PAGE_SIZE, "a page has no such bytes");
    // SAFETY: as for `read_shared`.
    unsafe {
        let to = machine.frame_address(frame).add(offset);
        core::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len());
    }
}

/// Returns the entries of a page table.
#[inline]
pub(crate) fn table_entries<M: Machine>(
    machine: &M,
    frame: FrameNo,
) -> &[AtomicPte<M::Format>; ENTRIES] {
    // SAFETY: valid by Machine's contract; tables are only ever reached as atomic words, by us and
    // by the hardware, and an AtomicPte has the layout of one.
    unsafe { &*machine.frame_address(frame).cast() }
}

/// Returns the first word of a free kernel object.
pub(crate) fn free_object_word<M: Machine>(
    machine: &M,
    frame: FrameNo,
    offset: usize,
) -> &AtomicWord {
    assert!(
        offset.is_multiple_of(8) && offset < PAGE_SIZE,
        "an object lies in its frame"
    );
    // SAFETY: valid and aligned by the assertion and Machine's contract; the object is on its
    // slab's free list, so nobody but the heap, under the slab's lock, uses its bytes.
    unsafe { &*machine.frame_address(frame).add(offset).cast() }
}

/// Returns the records of frames or slots, all of which the caller has written.
pub(crate) fn assume_init<T>(records: &'static mut [MaybeUninit<T>]) -> &'static mut [T] {
    // SAFETY: the tables of frames and of slots write every record before they call this;
    // MaybeUninit<T> has the layout of T.
    unsafe { &mut *(core::ptr::from_mut::<[MaybeUninit<T>]>(records) as *mut [T]) }
}
