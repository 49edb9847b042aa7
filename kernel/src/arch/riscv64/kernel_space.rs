//! The kernel's own page tables: the upper half that every root shares.
//!
//! The tables are built once, before there is a memory system, from frames that follow the kernel's
//! image. The direct map uses the largest pages that fit. Text is executable and read-only,
//! read-only data is only readable, and everything else is not executable (W^X). All entries are
//! global. Only RAM and the devices in use are mapped; the firmware's memory is neither.
//!
//! The tables of the stack region are complete from the beginning, so making a stack never needs a
//! table. Only entries of that region ever change. Entry format: section 12.4.

use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use abi::PAGE_SIZE;
use kernel_logic::board::{RAM_MAX, Region, device_tree};
use kernel_logic::list::List;
use mm::addr::{FrameNo, PhysAddr};
use mm::machine::Fence;

use super::layout::{self, DIRECT_MAP, DIRECT_MAP_SIZE, STACK_REGION, to_virtual};
use super::{Board, fence};

const ENTRIES: usize = 512;

/// A page table.
#[repr(C, align(4096))]
pub struct Table([u64; ENTRIES]);

const VALID: u64 = 1 << 0;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXECUTE: u64 = 1 << 3;
const GLOBAL: u64 = 1 << 5;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;
const LEAF: u64 = READ | WRITE | EXECUTE;

const READ_ONLY: u64 = VALID | READ | GLOBAL | ACCESSED;
const TEXT: u64 = READ_ONLY | EXECUTE;
const DATA: u64 = READ_ONLY | WRITE | DIRTY;

const PAGE_SHIFT: u32 = PAGE_SIZE.trailing_zeros();
const PPN_SHIFT: u32 = 10;

/// The size of a page at each level.
const PAGE_SIZES: [usize; 3] = [PAGE_SIZE, PAGE_SIZE << 9, PAGE_SIZE << 18];
const GIGABYTE: usize = PAGE_SIZES[2];

/// `satp` with the kernel's own root: Sv39 and identifier 0. Read by harts that start.
pub static KERNEL_SATP: AtomicUsize = AtomicUsize::new(0);
/// The mode field of `satp` for Sv39 (section 10.1.11).
pub const SATP_SV39: usize = 8 << 60;

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

const fn entry(physical: usize, flags: u64) -> u64 {
    (physical as u64 >> PAGE_SHIFT) << PPN_SHIFT | flags
}

/// The root for the first instructions: devices and RAM, wherever the board has them, with all
/// permissions.
pub const fn boot_root() -> Table {
    const RAM_FIRST: usize = 2;
    const RAM_END: usize = 32;
    let first = index(DIRECT_MAP, 2);
    let mut table = Table([0; ENTRIES]);
    table.0[first] = entry(0, DATA);
    let mut gigabyte = RAM_FIRST;
    while gigabyte < RAM_END {
        table.0[first + gigabyte] = entry(gigabyte * GIGABYTE, DATA | EXECUTE);
        gigabyte += 1;
    }
    table
}

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
        // SAFETY: RAM behind the image that nobody has been given yet, mapped by the boot root and
        // the kernel's own.
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
    map_image_and_ram(root, &board.ram, frames);
    let page = |device: device_tree::Device| device.registers;
    let platform = &board.platform;
    let devices = platform.virtio.iter().chain(platform.power).map(page);
    for registers in devices.chain([page(platform.uart), platform.plic]) {
        let start = registers.start as usize & !(PAGE_SIZE - 1);
        let end = (registers.start + registers.size) as usize;
        map(
            root,
            DIRECT_MAP + start,
            start,
            (end - start).next_multiple_of(PAGE_SIZE),
            DATA,
            frames,
        );
    }
    make_stack_tables(root, board.ram_size() as usize / STACK_SLOT_SIZE, frames);
    let root = frame_of(root);
    KERNEL_SATP.store(SATP_SV39 | root.0 as usize, Ordering::Release);
    load(KERNEL_SATP.load(Ordering::Relaxed));
    fence::local(Fence::All);
    root
}

fn map_image_and_ram(root: *mut Table, ram: &List<Region, RAM_MAX>, frames: &mut EarlyFrames) {
    let end_of = |range: Region| {
        let end = DIRECT_MAP + range.end() as usize;
        end.min(DIRECT_MAP + DIRECT_MAP_SIZE) & !(PAGE_SIZE - 1)
    };
    let mut map_part = |from: usize, to: usize, flags| {
        map(root, from, from - DIRECT_MAP, to - from, flags, frames);
    };
    map_part(layout::image_start(), layout::text_end(), TEXT);
    map_part(layout::text_end(), layout::rodata_end(), READ_ONLY);
    for (number, range) in ram.iter().enumerate() {
        // The first range has the image, at its beginning.
        let start = match number {
            0 => layout::rodata_end(),
            _ => DIRECT_MAP + (range.start as usize).next_multiple_of(PAGE_SIZE),
        };
        let end = end_of(range);
        if start < end {
            map_part(start, end, DATA);
        }
    }
}

fn make_stack_tables(root: *mut Table, slots: usize, frames: &mut EarlyFrames) {
    let slots = slots.clamp(SLOTS_PER_TABLE, GIGABYTE / STACK_SLOT_SIZE);
    let tables = slots.div_ceil(SLOTS_PER_TABLE);
    let middle = new_table(frames);
    let leaves: *mut Table = frames.take(tables).cast();
    set(root, index(STACK_REGION, 2), entry_of(middle));
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
    while address < end {
        let fits = |level: &usize| {
            let size = PAGE_SIZES[*level];
            address.is_multiple_of(size) && physical.is_multiple_of(size) && end - address >= size
        };
        let leaf_level = (0..PAGE_SIZES.len()).rev().find(fits).unwrap_or(0);
        let mut table = root;
        for level in (leaf_level + 1..PAGE_SIZES.len()).rev() {
            table = lower_table(table, index(address, level), frames);
        }
        set(table, index(address, leaf_level), entry(physical, flags));
        address += PAGE_SIZES[leaf_level];
        physical += PAGE_SIZES[leaf_level];
    }
}

fn lower_table(table: *mut Table, index: usize, frames: &mut EarlyFrames) -> *mut Table {
    let word = get(table, index);
    if word & VALID == 0 {
        let lower = new_table(frames);
        set(table, index, entry_of(lower));
        return lower;
    }
    assert!(word & LEAF == 0, "two parts of the kernel's space overlap");
    to_virtual(FrameNo(word >> PPN_SHIFT).address()).cast()
}

fn new_table(frames: &mut EarlyFrames) -> *mut Table {
    frames.take(1).cast()
}

fn frame_of(table: *const Table) -> FrameNo {
    PhysAddr((table as usize - DIRECT_MAP) as u64).frame()
}

fn entry_of(table: *const Table) -> u64 {
    frame_of(table).0 << PPN_SHIFT | VALID
}

fn get(table: *const Table, index: usize) -> u64 {
    // SAFETY: every table here came from `EarlyFrames::take` and is used by the boot hart alone.
    unsafe { (&(*table).0)[index] }
}

fn set(table: *mut Table, index: usize, word: u64) {
    // SAFETY: as in `get`.
    unsafe { (&mut (*table).0)[index] = word };
}

/// Loads this value into `satp`.
#[inline]
pub fn load(satp: usize) {
    // SAFETY: every root has the kernel's half, so the code and the stack that run stay mapped. Not
    // `nomem`: stores to tables come before.
    unsafe { core::arch::asm!("csrw satp, {}", in(reg) satp, options(nostack)) };
}

/// Returns the number of stacks for which there is room.
pub fn stack_slots() -> usize {
    STACK_SLOTS.load(Ordering::Acquire)
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
        stack_entry(slot, page).store(entry(frame.address().0 as usize, DATA), Ordering::Release);
    }
}

/// Removes a stack from its slot.
pub fn unmap_stack(slot: usize) {
    for page in 0..STACK_FRAMES {
        stack_entry(slot, page).store(0, Ordering::Release);
    }
}

/// Flushes this hart's translations of the stack region, including remembered absences.
pub fn forget_stacks() {
    // The translations are global, so a fence of one identifier would not flush them.
    fence::local(Fence::All);
}
