//! The one instance of the memory system, and the kernel's heap on top of it.

use core::alloc::{GlobalAlloc, Layout};
use core::mem::MaybeUninit;

use abi::PAGE_SIZE;
use kernel_logic::board::Region;
use mm::addr::{FrameNo, FrameRange, PhysAddr};
use mm::{FrameRecord, Memory, OwnedFrame};

use crate::arch::{self, EarlyFrames, Machine};
use crate::once::Once;

static MEMORY: Once<Memory<Machine>> = Once::new();

/// A frame of the kernel's own.
pub type Frame = OwnedFrame<'static, Machine>;

/// The memory system.
#[inline]
pub fn memory() -> &'static Memory<Machine> {
    match MEMORY.get() {
        Some(memory) => memory,
        None => unreachable!("memory is asked for before there is any"),
    }
}

/// Makes the memory system, of all frames that are left. Called once by the boot hart, with the kernel's tables in force.
pub fn initialize(ram: Region, mut early: EarlyFrames, kernel_root: FrameNo) {
    let end = PhysAddr(ram.start + ram.size).frame();
    let all = FrameRange::new(PhysAddr(ram.start).frame(), end);
    let count = all.len() as usize;
    let table = early.take((count * size_of::<FrameRecord>()).div_ceil(PAGE_SIZE));
    // SAFETY: fresh memory, as much as the slice is long, that is never given back; a page is aligned enough.
    let records =
        unsafe { core::slice::from_raw_parts_mut(table.cast::<MaybeUninit<FrameRecord>>(), count) };
    let layout = mm::Layout {
        ram: all,
        free: FrameRange::new(early.next(), end),
        kernel_root,
        harts: arch::hart_count(),
    };
    let memory = Memory::new(Machine::new(), layout, records);
    // SAFETY: only the boot hart runs, and it comes here once.
    unsafe { MEMORY.set(memory) };
}

struct KernelHeap;

#[global_allocator]
static HEAP: KernelHeap = KernelHeap;

// SAFETY: the heap of the memory system keeps the contract: blocks are distinct, aligned and as large as asked for, or null.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let object = memory().allocate_object(layout.size(), layout.align());
        object.map_or(core::ptr::null_mut(), arch::to_virtual)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let address = arch::to_physical(pointer)
            .unwrap_or_else(|| unreachable!("the heap is in the direct map"));
        memory().free_object(address, layout.size(), layout.align());
    }
}
