//! The one instance of the memory system, and the kernel's heap on top of it.

use core::alloc::{GlobalAlloc, Layout};
use core::mem::MaybeUninit;

use abi::PAGE_SIZE;
use kernel_logic::board::{RAM_MAX, Region};
use kernel_logic::list::List;
use mm::addr::{FrameNo, FrameRange, FrameRanges, PhysAddr, RANGES_MAX};
use mm::pt::Format;
use mm::swap::{SlotRecord, words_for};
use mm::{FrameRecord, Memory, OwnedFrame};

use crate::arch::{self, EarlyFrames, Machine};
use crate::given::refuse;
use crate::once::Once;

static MEMORY: Once<Memory<Machine>> = Once::new();

/// The end of user memory: the heap and all mappings stay below this address.
pub const USER_TOP: u64 = <<Machine as mm::Machine>::Format as Format>::USER_TOP.0;

/// A frame that the kernel itself uses.
pub type Frame = OwnedFrame<'static, Machine>;

/// Returns the memory system.
#[inline]
pub fn memory() -> &'static Memory<Machine> {
    match MEMORY.get() {
        Some(memory) => memory,
        None => unreachable!("memory is asked for before there is any"),
    }
}

/// Makes the memory system from the remaining frames and `slots` slots of swap. Called once by the
/// boot hart, after the kernel's page tables were loaded.
pub fn initialize(
    ram: &List<Region, RAM_MAX>,
    slots: u64,
    mut early: EarlyFrames,
    kernel_root: FrameNo,
) {
    const { assert!(RAM_MAX <= RANGES_MAX) };
    let frames = |range: Region| {
        FrameRange::new(PhysAddr(range.start).frame(), PhysAddr(range.end()).frame())
    };
    let all: FrameRanges = ram.iter().map(frames).collect();
    let count = all.iter().map(|range| range.len() as usize).sum();
    let records = take_table::<FrameRecord>(&mut early, count);
    check_swap(ram.iter().map(|range| range.size).sum(), slots);
    let free_slots = take_table::<u64>(&mut early, words_for(slots as usize));
    let slots = take_table::<SlotRecord>(&mut early, slots as usize);
    // The early frames are at the beginning of the first range, behind the image.
    let mut free = all.clone();
    free[0].start = early.next();
    let layout = mm::Layout {
        ram: all,
        free,
        kernel_root,
        harts: arch::hart_count(),
    };
    MEMORY.set(Memory::new(
        Machine::new(),
        layout,
        records,
        slots,
        free_slots,
    ));
}

/// Returns memory for `count` records.
fn take_table<T>(early: &mut EarlyFrames, count: usize) -> &'static mut [MaybeUninit<T>] {
    let table = early.take((count * size_of::<T>()).div_ceil(PAGE_SIZE));
    // SAFETY: fresh memory, as much as the slice is long, that is never given back; a page is
    // aligned enough.
    unsafe { core::slice::from_raw_parts_mut(table.cast(), count) }
}

/// Refuses a swap disk whose records would take more than an eighth of RAM. Each slot has a record
/// in RAM, and a bit that says whether it is free.
fn check_swap(ram: u64, slots: u64) {
    /// The number of slots that one word of the lowest level of bits describes.
    const GROUP: u64 = u64::BITS as u64;
    // The words above the lowest level add less than a byte for each word below.
    const BYTES: u64 = GROUP * size_of::<SlotRecord>() as u64 + size_of::<u64>() as u64 + 1;
    let (needed, allowed) = (slots.div_ceil(GROUP) * BYTES, ram / 8);
    if needed > allowed {
        let largest = allowed / BYTES * GROUP * PAGE_SIZE as u64;
        refuse(format_args!(
            "{} MiB of swap need {} MiB of memory for their counts; with {} MiB of memory give at most {} MiB of swap",
            (slots * PAGE_SIZE as u64) >> 20,
            needed.div_ceil(1 << 20),
            ram >> 20,
            largest >> 20,
        ));
    }
}

struct KernelHeap;

#[global_allocator]
static HEAP: KernelHeap = KernelHeap;

// SAFETY: the heap of the memory system keeps the contract: blocks are distinct, aligned and as
// large as asked for, or null.
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
