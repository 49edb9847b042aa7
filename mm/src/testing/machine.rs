//! The pretended machine: memory in a box, a page-table walker, and a TLB for each hart. A TLB
//! keeps every translation until a fence covers it, which the architectures allow and real TLBs do
//! not guarantee.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::HashMap;
#[cfg(not(shuttle))]
use std::sync::{Mutex, MutexGuard};

use abi::PAGE_SIZE;
#[cfg(shuttle)]
use shuttle::sync::{Mutex, MutexGuard};
use sync::atomic::Ordering;

use super::disk::Disk;
use super::files::Files;
use crate::addr::{FrameNo, PageNo, VirtAddr};
use crate::machine::{Asid, Fence, HartSet, Machine, Root};
use crate::phys;
use crate::pt::{ENTRIES, Entry, Format, Pte, Sv39};

/// The first frame of the pretended RAM.
pub const BASE: u64 = 0x8_0000;
pub const HARTS: usize = 4;

// Under shuttle, a thread is not one of the host's threads.
#[cfg(shuttle)]
shuttle::thread_local! {
    static HART: Cell<usize> = const { Cell::new(0) };
}

#[cfg(not(shuttle))]
thread_local! {
    static HART: Cell<usize> = const { Cell::new(0) };
}

thread_local! {
    static AT_FENCE: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    static UNTIL_REFUSAL: Cell<u64> = const { Cell::new(0) };
    static LOOKS: Cell<u64> = const { Cell::new(0) };
}

/// The contents of every entry in the kernel's half: a large page of devices, as in the direct map
/// of a real kernel. Code that takes it for a table looks for a frame outside of RAM.
const KERNEL_PAGE: u64 = 0b1100_0111;

/// Makes this thread run on another hart.
pub fn on_hart(hart: usize) {
    HART.with(|own| own.set(hart));
}

/// Calls `look` whenever this thread sends a fence, before any TLB forgets.
pub fn at_fence(look: impl Fn() + 'static) {
    AT_FENCE.set(Some(Box::new(look)));
}

/// Makes the `nth` of this thread's next allocations that may fail fail. 0 makes none fail. Returns
/// what was left of the last such count: 0 if its failure has happened.
pub fn fail_nth(nth: u64) -> u64 {
    UNTIL_REFUSAL.replace(nth)
}

/// Returns how often this thread has asked where a frame is. A walk asks once for each table.
pub fn looks() -> u64 {
    LOOKS.get()
}

struct Hart<F: Format> {
    root: Option<Root>,
    tlb: HashMap<(u16, PageNo), Pte<F>>,
    instruction_fences: u64,
    last_fence: Option<Fence>,
}

impl<F: Format> Default for Hart<F> {
    fn default() -> Self {
        Self {
            root: None,
            tlb: HashMap::new(),
            instruction_fences: 0,
            last_fence: None,
        }
    }
}

/// A machine whose page tables have the format `F`.
pub struct FakeMachine<F: Format = Sv39> {
    ram: Box<[UnsafeCell<Page>]>,
    /// The harts. A hart's mutex is held while it executes one instruction, so a fence waits for
    /// the end of that instruction, as a real one does.
    harts: [Mutex<Hart<F>>; HARTS],
    /// The swap device.
    pub disk: Disk,
    /// The files.
    pub files: Files,
}

// SAFETY: the memory in `ram` is reached only through the memory system's rules, and each of
// `harts` under its lock.
unsafe impl<F: Format> Sync for FakeMachine<F> {}

#[repr(C, align(4096))]
struct Page([u8; PAGE_SIZE]);

// SAFETY: the pages of `ram` live as long as the machine, which the memory owns, and nobody else
// uses them.
unsafe impl<F: Format> Machine for FakeMachine<F> {
    type Format = F;
    const COPIED_ENTRIES: usize = 0;

    fn asids(&self) -> usize {
        // Where executions are short there are few identifiers, so that they are reused.
        if cfg!(shuttle) { 3 } else { 64 }
    }

    fn hart(&self) -> usize {
        HART.with(Cell::get)
    }

    fn frame_address(&self, frame: FrameNo) -> *mut u8 {
        LOOKS.set(LOOKS.get() + 1);
        frame
            .0
            .checked_sub(BASE)
            .and_then(|index| self.ram.get(index as usize))
            .expect("a frame of RAM")
            .get()
            .cast()
    }

    unsafe fn zero_frame(&self, frame: FrameNo) {
        // SAFETY: the caller has the frame to itself.
        unsafe { self.frame_address(frame).write_bytes(0, PAGE_SIZE) }
    }

    unsafe fn copy_frame(&self, from: FrameNo, to: FrameNo) {
        // SAFETY: the caller has `to` to itself and nobody writes `from`.
        unsafe {
            self.frame_address(to)
                .copy_from_nonoverlapping(self.frame_address(from), PAGE_SIZE)
        }
    }

    fn fence_local(&self, fence: Fence) {
        self.fence_remote(HartSet::one(self.hart()), fence);
    }

    fn fence_remote(&self, harts: HartSet, fence: Fence) {
        AT_FENCE.with_borrow(|look| look.iter().for_each(|look| look()));
        for (index, hart) in self.harts.iter().enumerate() {
            if harts.0 >> index & 1 == 0 {
                continue;
            }
            let mut hart = hart.lock().unwrap();
            hart.last_fence = Some(fence);
            hart.tlb.retain(|&(asid, page), _| match fence {
                Fence::Page {
                    asid: fenced,
                    address,
                } => Asid(asid) != fenced || page != address.page(),
                Fence::Space { asid: fenced } => Asid(asid) != fenced,
                Fence::All => false,
            });
        }
    }

    fn synchronize_instructions(&self, harts: HartSet) {
        for (index, hart) in self.harts.iter().enumerate() {
            hart.lock().unwrap().instruction_fences += harts.0 >> index & 1;
        }
    }

    fn load_root(&self, root: Option<Root>) {
        self.own().root = root;
    }

    fn read_user(&self, from: VirtAddr, to: &mut [u8]) -> usize {
        self.transfer(
            from,
            to.len(),
            Pte::is_readable,
            |frame, offset, done, n| {
                // SAFETY: the translation allows it. Threads of one test do not touch a byte at the
                // same time, but with shuttle, which runs one thread of the host.
                unsafe {
                    to[done..]
                        .as_mut_ptr()
                        .copy_from_nonoverlapping(self.frame_address(frame).add(offset), n)
                }
            },
        )
    }

    fn write_user(&self, to: VirtAddr, from: &[u8]) -> usize {
        self.transfer(
            to,
            from.len(),
            Pte::is_writable,
            |frame, offset, done, n| {
                // SAFETY: as above.
                unsafe {
                    self.frame_address(frame)
                        .add(offset)
                        .copy_from_nonoverlapping(from[done..].as_ptr(), n)
                }
            },
        )
    }

    fn refuses_allocation(&self) -> bool {
        let left = UNTIL_REFUSAL.get();
        UNTIL_REFUSAL.set(left.saturating_sub(1));
        left == 1
    }
}

impl<F: Format> FakeMachine<F> {
    /// Returns a machine with `frames` frames of RAM.
    pub fn new(frames: u64) -> Self {
        let mut ram: Box<[_]> = (0..frames)
            .map(|_| UnsafeCell::new(Page([0; PAGE_SIZE])))
            .collect();
        let words = ram[0].get_mut().0.chunks_exact_mut(size_of::<u64>());
        for word in words.skip(F::KERNEL_ROOT) {
            word.copy_from_slice(&KERNEL_PAGE.to_ne_bytes());
        }
        Self {
            ram,
            harts: Default::default(),
            disk: Disk::default(),
            files: Files::default(),
        }
    }

    /// Returns the state of this hart, locked.
    fn own(&self) -> MutexGuard<'_, Hart<F>> {
        self.harts[self.hart()].lock().unwrap()
    }

    /// Returns how many instruction fences a hart has executed.
    pub fn instruction_fences(&self, hart: usize) -> u64 {
        self.harts[hart].lock().unwrap().instruction_fences
    }

    /// Returns the last fence that a hart has executed.
    pub fn last_fence(&self, hart: usize) -> Option<Fence> {
        self.harts[hart].lock().unwrap().last_fence
    }

    fn transfer(
        &self,
        base: VirtAddr,
        length: usize,
        permits: fn(Pte<F>) -> bool,
        mut step: impl FnMut(FrameNo, usize, usize, usize),
    ) -> usize {
        let mut done = 0;
        while done < length {
            let address = VirtAddr(base.0 + done as u64);
            let n = (PAGE_SIZE - address.offset()).min(length - done);
            // Translation and access are one instruction, so the hart stays locked for both.
            let mut hart = self.own();
            let Some(frame) = self.translate(&mut hart, address, permits) else {
                break;
            };
            step(frame, address.offset(), done, n);
            done += n;
        }
        done
    }

    /// Returns the frame of an address, by the TLB or by a walk that fills it. Returns `None` for a
    /// fault, which leaves the TLB as it is.
    fn translate(
        &self,
        hart: &mut Hart<F>,
        address: VirtAddr,
        permits: fn(Pte<F>) -> bool,
    ) -> Option<FrameNo> {
        if address.0 >= F::USER_TOP.0 {
            return None;
        }
        let root = hart.root?;
        let page = address.page();
        let pte = match hart.tlb.get(&(root.asid.0, page)) {
            Some(&pte) => pte,
            None => {
                let pte = self.walk(root.table, page)?;
                hart.tlb.insert((root.asid.0, page), pte);
                pte
            }
        };
        match pte.decode(0) {
            Entry::Page(frame) if permits(pte) => Some(frame),
            _ => None,
        }
    }

    /// Returns the entry of a page, without the rights that an upper entry takes away.
    fn walk(&self, root: FrameNo, page: PageNo) -> Option<Pte<F>> {
        let mut table = root;
        let mut is_closed = false;
        for level in (0..F::LEVELS).rev() {
            let index = (page.0 >> (9 * level)) as usize & (ENTRIES - 1);
            let pte = phys::table_entries(self, table)[index].load(Ordering::Acquire);
            match pte.decode(level) {
                Entry::Empty | Entry::Evicted | Entry::Swapped(_) => return None,
                Entry::Table(_) if !pte.is_followed() => return None,
                Entry::Table(lower) => {
                    is_closed |= Pte::<F>::table(lower).is_writable() && !pte.is_writable();
                    table = lower;
                }
                Entry::Page(_) if is_closed => return Some(pte.read_only()),
                Entry::Page(_) => return Some(pte),
            }
        }
        None
    }
}
