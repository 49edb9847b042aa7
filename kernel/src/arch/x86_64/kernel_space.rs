//! The kernel's own page tables: the upper half that every root shares.
//!
//! The tables are built once, before there is a memory system, from frames that follow the kernel's
//! image. The direct map uses the largest pages that fit. In the image, text is executable and
//! read-only, read-only data is only readable, and everything else is not executable (W^X). The
//! image's frames have these permissions in the direct map too, except execution. All entries are
//! global. RAM and the devices' registers below 4 GiB are mapped; the firmware's memory is not.
//!
//! The tables of the stack region are complete from the beginning, so making a stack never needs a
//! table. Only entries of that region ever change. Entry format: Intel SDM volume 3, section 4.5.

use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use abi::PAGE_SIZE;
use kernel_logic::board::{RAM_MAX, Region};
use kernel_logic::list::List;
use mm::addr::{FrameNo, PhysAddr};
use mm::machine::Fence;

use super::descriptors::{TRAP_STACK_SIZE, TRAP_STACKS};
use super::features::{Features, has};
use super::layout::{
    self, DIRECT_MAP, IMAGE_BASE, STACK_REGION, START_PAGE, to_physical, to_virtual,
};
use super::{Board, fence, hart, inherited};

const ENTRIES: usize = 512;

/// A page table.
#[repr(C, align(4096))]
struct Table([u64; ENTRIES]);

const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const WRITE_THROUGH: u64 = 1 << 3;
const UNCACHED: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
/// In an upper level: a page, not a table.
const LARGE: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
const NO_EXECUTE: u64 = 1 << 63;

const TEXT: u64 = PRESENT | GLOBAL | ACCESSED;
const READ_ONLY: u64 = TEXT | NO_EXECUTE;
const DATA: u64 = READ_ONLY | WRITE | DIRTY;
const DEVICE: u64 = DATA | WRITE_THROUGH | UNCACHED;
const TABLE: u64 = PRESENT | WRITE | ACCESSED;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// The size of a page at each level.
const PAGE_SIZES: [usize; 4] = [PAGE_SIZE, PAGE_SIZE << 9, PAGE_SIZE << 18, PAGE_SIZE << 27];
const GIGABYTE: usize = PAGE_SIZES[2];
/// The end of the registers of devices.
const DEVICES_END: usize = 4 << 30;

/// CR3 with the kernel's own root and identifier 0. Read by harts that start.
pub(super) static KERNEL_ROOT: AtomicU64 = AtomicU64::new(0);

/// Bytes from one stack to the next: the upper half is the stack, the lower half its guard.
pub const STACK_SLOT_SIZE: usize = 32 << 10;
/// Frames of a stack.
pub const STACK_FRAMES: usize = STACK_SLOT_SIZE / 2 / PAGE_SIZE;
/// The start of the first slot.
pub const STACKS: usize = STACK_REGION;
const SLOT_ENTRIES: usize = STACK_SLOT_SIZE / PAGE_SIZE;
const SLOTS_PER_TABLE: usize = ENTRIES / SLOT_ENTRIES;

/// The entries of the whole stack region, one after the other.
static STACK_ENTRIES: AtomicPtr<AtomicU64> = AtomicPtr::new(core::ptr::null_mut());
static STACK_SLOTS: AtomicUsize = AtomicUsize::new(0);

const fn index(address: usize, level: usize) -> usize {
    address / PAGE_SIZES[level] % ENTRIES
}

/// The frames after the kernel's image. They are handed out before there is a memory system, and
/// never freed.
pub struct EarlyFrames {
    next: FrameNo,
    end: FrameNo,
}

impl EarlyFrames {
    /// Returns all frames from the end of the image to the end of the range of RAM that it lies in.
    pub fn new(ram: &List<Region, RAM_MAX>) -> Self {
        let end = ram.iter().next().map_or(0, Region::end);
        Self {
            next: layout::first_frame_after_image(),
            end: PhysAddr(end).frame(),
        }
    }

    /// Returns the next `count` frames, zeroed. Refuses to boot if there are too few.
    pub fn take(&mut self, count: usize) -> *mut u8 {
        let first = self.next;
        self.next = FrameNo(first.0 + count as u64);
        if self.next > self.end {
            crate::given::refuse(format_args!(
                "too little memory for the kernel's tables; give more (-m)"
            ));
        }
        let start = to_virtual(first.address());
        // SAFETY: RAM behind the image that nobody has been given yet, below 4 GiB and so mapped by
        // the boot tables, and mapped by the kernel's own.
        unsafe { start.write_bytes(0, count * PAGE_SIZE) };
        start
    }

    /// Returns the next frame.
    pub fn take_frame(&mut self) -> FrameNo {
        frame_of(self.take(1).cast())
    }

    /// Returns the first frame that has not been handed out.
    pub fn next(&self) -> FrameNo {
        self.next
    }
}

/// Builds the tables and loads them. Returns the root.
pub fn build(board: &Board, frames: &mut EarlyFrames) -> FrameNo {
    let root = new_table(frames);
    map_image(root, frames);
    let mut devices = 0;
    for (number, range) in board.ram.iter().enumerate() {
        // The first range has the image near its beginning.
        let start = match number {
            0 => image_physical(layout::image_end()),
            _ => range.start as usize,
        };
        map(
            root,
            DIRECT_MAP + start,
            start,
            range.end() as usize - start,
            DATA,
            frames,
        );
        if range.end() as usize <= DEVICES_END {
            devices = devices.max(range.end() as usize);
        }
    }
    let devices = devices.next_multiple_of(PAGE_SIZES[1]);
    map(
        root,
        DIRECT_MAP + devices,
        devices,
        DEVICES_END - devices,
        DEVICE,
        frames,
    );
    map(
        root,
        DIRECT_MAP + START_PAGE,
        START_PAGE,
        PAGE_SIZE,
        DATA,
        frames,
    );
    make_stack_tables(root, board.ram_size() as usize / STACK_SLOT_SIZE, frames);
    for index in 0..hart::hart_count() {
        let stacks = frames.take(TRAP_STACKS * TRAP_STACK_SIZE / PAGE_SIZE);
        hart::set_trap_stacks(index, stacks as usize);
    }
    let root = frame_of(root);
    KERNEL_ROOT.store(root.address().0, Ordering::Release);
    load(root.address().0);
    inherited::set();
    root
}

fn image_physical(address: usize) -> usize {
    address - IMAGE_BASE
}

fn map_image(root: *mut Table, frames: &mut EarlyFrames) {
    let parts = [
        (layout::image_start(), layout::text_end(), TEXT),
        (layout::text_end(), layout::rodata_end(), READ_ONLY),
        (layout::rodata_end(), layout::image_end(), DATA),
    ];
    for (from, to, flags) in parts {
        let physical = image_physical(from);
        map(root, from, physical, to - from, flags, frames);
        map(
            root,
            DIRECT_MAP + physical,
            physical,
            to - from,
            flags | NO_EXECUTE,
            frames,
        );
    }
}

fn make_stack_tables(root: *mut Table, slots: usize, frames: &mut EarlyFrames) {
    let slots = slots.clamp(SLOTS_PER_TABLE, GIGABYTE / STACK_SLOT_SIZE);
    let tables = slots.div_ceil(SLOTS_PER_TABLE);
    let upper = lower_table(root, index(STACK_REGION, 3), frames);
    let middle = lower_table(upper, index(STACK_REGION, 2), frames);
    let leaves: *mut Table = frames.take(tables).cast();
    for number in 0..tables {
        set(middle, number, entry_of(leaves.wrapping_add(number)));
    }
    STACK_ENTRIES.store(leaves.cast(), Ordering::Release);
    STACK_SLOTS.store(tables * SLOTS_PER_TABLE, Ordering::Release);
}

/// Maps `size` bytes at `address` to `physical`, all three multiples of the page size.
fn map(
    root: *mut Table,
    mut address: usize,
    mut physical: usize,
    size: usize,
    flags: u64,
    frames: &mut EarlyFrames,
) {
    let end = address + size;
    let largest = if has(Features::HUGE_PAGES) { 2 } else { 1 };
    while address < end {
        let fits = |level: &usize| {
            let size = PAGE_SIZES[*level];
            address.is_multiple_of(size) && physical.is_multiple_of(size) && end - address >= size
        };
        let leaf_level = (0..=largest).rev().find(fits).unwrap_or(0);
        let mut table = root;
        for level in (leaf_level + 1..PAGE_SIZES.len()).rev() {
            table = lower_table(table, index(address, level), frames);
        }
        let large = if leaf_level > 0 { LARGE } else { 0 };
        set(
            table,
            index(address, leaf_level),
            physical as u64 | flags | large,
        );
        address += PAGE_SIZES[leaf_level];
        physical += PAGE_SIZES[leaf_level];
    }
}

fn lower_table(table: *mut Table, index: usize, frames: &mut EarlyFrames) -> *mut Table {
    let word = get(table, index);
    if word & PRESENT == 0 {
        let lower = new_table(frames);
        set(table, index, entry_of(lower));
        return lower;
    }
    assert!(word & LARGE == 0, "two parts of the kernel's space overlap");
    to_virtual(PhysAddr(word & ADDRESS)).cast()
}

fn new_table(frames: &mut EarlyFrames) -> *mut Table {
    frames.take(1).cast()
}

fn frame_of(table: *const Table) -> FrameNo {
    let address = to_physical(table.cast());
    address.map_or_else(
        || unreachable!("early frames are in the direct map"),
        PhysAddr::frame,
    )
}

fn entry_of(table: *const Table) -> u64 {
    frame_of(table).address().0 | TABLE
}

fn get(table: *const Table, index: usize) -> u64 {
    // SAFETY: every table here came from `EarlyFrames::take` and is used by the boot hart alone.
    unsafe { (&(*table).0)[index] }
}

fn set(table: *mut Table, index: usize, word: u64) {
    // SAFETY: as in `get`.
    unsafe { (&mut (*table).0)[index] = word };
}

/// Loads this value into CR3.
#[inline]
pub(super) fn load(root: u64) {
    // SAFETY: every root has the kernel's half, so the code and the stack that run stay mapped. Not
    // `nomem`: stores to tables come before.
    unsafe { core::arch::asm!("mov cr3, {}", in(reg) root, options(nostack)) };
}

/// Returns the number of stacks for which there is room.
pub fn stack_slots() -> usize {
    STACK_SLOTS.load(Ordering::Acquire)
}

/// Returns whether an address lies in the guard of a stack.
pub(super) fn is_guard(address: usize) -> bool {
    let end = STACKS + stack_slots() * STACK_SLOT_SIZE;
    (STACKS..end).contains(&address) && address % STACK_SLOT_SIZE < STACK_SLOT_SIZE / 2
}

fn stack_entry(slot: usize, page: usize) -> &'static AtomicU64 {
    assert!(slot < stack_slots() && page < STACK_FRAMES);
    let guard = SLOT_ENTRIES - STACK_FRAMES;
    let entries = STACK_ENTRIES.load(Ordering::Relaxed);
    // SAFETY: the tables hold SLOT_ENTRIES words for each slot (`make_stack_tables`), are never
    // given back, and are used through atomics since then.
    unsafe { &*entries.add(slot * SLOT_ENTRIES + guard + page) }
}

/// Maps a stack. A hart must call [`forget_stacks`] before it uses the stack for the first time.
pub fn map_stack(slot: usize, frames: &[FrameNo; STACK_FRAMES]) {
    for (page, frame) in frames.iter().enumerate() {
        stack_entry(slot, page).store(frame.address().0 | DATA, Ordering::Release);
    }
}

/// Removes a stack from its slot.
pub fn unmap_stack(slot: usize) {
    for page in 0..STACK_FRAMES {
        stack_entry(slot, page).store(0, Ordering::Release);
    }
}

/// Flushes this hart's translations of the stack region.
pub fn forget_stacks() {
    // The translations are global, so a fence of one identifier would not flush them.
    fence::local(Fence::All);
}
