//! The allocator of these tests: the system's, which refuses on request and records the sizes.
//!
//! All its state is per thread, so tests do not affect each other.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What happens to the allocations of this thread.
#[derive(Clone, Copy, PartialEq)]
enum Memory {
    Granted,
    Refused,
    /// This many allocations are granted, the next is refused, and later ones are granted again.
    RefusedAfter(u64),
}

thread_local! {
    static MEMORY: Cell<Memory> = const { Cell::new(Memory::Granted) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    static IN_USE: Cell<isize> = const { Cell::new(0) };
}

/// Returns whether the current allocation is refused.
fn refuses() -> bool {
    let (next, refused) = match MEMORY.get() {
        Memory::Granted => return false,
        Memory::Refused => return true,
        Memory::RefusedAfter(0) => (Memory::Granted, true),
        Memory::RefusedAfter(left) => (Memory::RefusedAfter(left - 1), false),
    };
    MEMORY.set(next);
    refused
}

/// Runs `body` with every allocation refused.
pub fn without_memory<T>(body: impl FnOnce() -> T) -> T {
    MEMORY.set(Memory::Refused);
    let outcome = body();
    MEMORY.set(Memory::Granted);
    outcome
}

/// Runs `body` with its `nth` allocation refused, counted from 1. Returns its result, and whether
/// there were that many allocations.
pub fn without_nth<T>(nth: u64, body: impl FnOnce() -> T) -> (T, bool) {
    MEMORY.set(Memory::RefusedAfter(nth - 1));
    let outcome = body();
    let refused = MEMORY.replace(Memory::Granted) == Memory::Granted;
    (outcome, refused)
}

/// Returns the size of the largest allocation of `body`, in bytes.
pub fn largest_allocation(body: impl FnOnce()) -> usize {
    LARGEST.set(0);
    body();
    LARGEST.get()
}

/// Returns how many bytes this thread has allocated and not freed.
pub fn in_use() -> isize {
    IN_USE.get()
}

struct Watched;

// SAFETY: every request is handed to the system's allocator as it is or refused with a null
// pointer, which the contract allows; the counters are plain cells without allocation.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.set(LARGEST.get().max(layout.size()));
        if refuses() {
            return std::ptr::null_mut();
        }
        IN_USE.set(IN_USE.get() + layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.set(IN_USE.get() - layout.size() as isize);
        // SAFETY: the pointer came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;
