//! The heap behind `alloc`: blocks of powers of two, carved from memory below the break.
//!
//! A freed block goes to the list of its size and is handed out again. Nothing is given back to the
//! kernel.
//!
//! Invariants: every block is aligned to its size, up to a page; the lists hold only free blocks of
//! their size; a program has one thread. A program that moves the break itself (see
//! [`crate::region`]) must not use the heap meanwhile.

use crate::memory::{self, Promise};
use abi::PAGE_SIZE;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;

/// The smallest block: room for the link of a list.
const SMALLEST: usize = 16;
/// The least that the heap asks the kernel for, in bytes.
const STEP: usize = 4 * PAGE_SIZE;

/// A free block: its first word links to the next of its size.
struct FreeBlock {
    next: *mut FreeBlock,
}

struct State {
    /// Free blocks by the logarithm of their size.
    free: [*mut FreeBlock; usize::BITS as usize],
    /// The memory got from the kernel that was never handed out.
    fresh: u64,
    fresh_end: u64,
}

struct Heap(UnsafeCell<State>);

// SAFETY: a program has one thread, and no call below is re-entered.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(State {
    free: [ptr::null_mut(); usize::BITS as usize],
    fresh: 0,
    fresh_end: 0,
}));

/// Returns the size of the block for `layout`. Returns `None` if there are no blocks that large.
fn block_size(layout: Layout) -> Option<usize> {
    // Blocks are aligned to their size up to a page, and no further.
    if layout.align() > PAGE_SIZE {
        return None;
    }
    let size = layout.size().max(layout.align()).max(SMALLEST);
    size.checked_next_power_of_two()
}

impl State {
    /// Returns a block of `size` that was never handed out.
    fn carve(&mut self, size: usize) -> Option<*mut u8> {
        let alignment = size.min(PAGE_SIZE) as u64;
        let mut start = self.fresh.next_multiple_of(alignment);
        if start.checked_add(size as u64)? > self.fresh_end {
            // This includes room to align a block that does not continue the last piece.
            let bytes = size.checked_add(PAGE_SIZE)?.max(STEP);
            let piece = memory::grow(i32::try_from(bytes).ok()?, Promise::Eager).ok()?;
            if piece != self.fresh_end {
                start = piece.next_multiple_of(alignment);
            }
            self.fresh_end = piece + bytes as u64;
        }
        self.fresh = start + size as u64;
        Some(start as *mut u8)
    }
}

// SAFETY: a block comes either from a free list, where `dealloc` put it, or from fresh memory
// that nothing else has; it is at least as large as the layout and aligned as it asks.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, no re-entry, so this is the only reference.
        let state = unsafe { &mut *self.0.get() };
        let Some(size) = block_size(layout) else {
            return ptr::null_mut();
        };
        let list = &mut state.free[size.trailing_zeros() as usize];
        let first = *list;
        if first.is_null() {
            return state.carve(size).unwrap_or(ptr::null_mut());
        }
        // SAFETY: the lists hold free blocks, whose first word is their link.
        *list = unsafe { (*first).next };
        first.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        let state = unsafe { &mut *self.0.get() };
        let size = block_size(layout).expect("the layout was allocated");
        let list = &mut state.free[size.trailing_zeros() as usize];
        let block: *mut FreeBlock = block.cast();
        // SAFETY: the block is ours again, large enough and aligned for a link.
        unsafe { block.write(FreeBlock { next: *list }) };
        *list = block;
    }
}
