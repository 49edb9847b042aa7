//! A pretended machine for the unit tests: memory in a box, a page-table walker, and a TLB per hart that keeps what
//! it has seen until a fence covers it, which no real one is obliged not to do.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Mutex;

use abi::{MemCounter, PAGE_SIZE};
use sync::atomic::Ordering;

use crate::addr::{FrameNo, FrameRange, PageNo, VirtAddr};
use crate::machine::{Asid, Fence, HartSet, Machine, Root};
use crate::memory::{Layout, Memory};
use crate::phys;
use crate::pt::{Entry, Format, Sv39};
use crate::space::{Access, AddressSpace, Resolution, copy};

/// Where the pretended RAM begins.
const BASE: u64 = 0x8_0000;
const HARTS: usize = 4;

thread_local! {
    static HART: Cell<usize> = const { Cell::new(0) };
    static AT_FENCE: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    static UNTIL_REFUSAL: Cell<u64> = const { Cell::new(0) };
}

/// Goes on as if on another hart.
pub fn on_hart(hart: usize) {
    HART.set(hart);
}

/// Has `look` called whenever this thread sends a fence, before any TLB forgets.
pub fn at_fence(look: impl Fn() + 'static) {
    AT_FENCE.set(Some(Box::new(look)));
}

/// Refuses this thread the `nth` allocation from now on of those that may fail; 0 refuses none. What was left to count of an
/// earlier call: 0 if its refusal has happened.
pub fn fail_nth(nth: u64) -> u64 {
    UNTIL_REFUSAL.replace(nth)
}

#[derive(Default)]
struct Hart {
    root: Option<Root>,
    tlb: HashMap<(u16, PageNo), u64>,
    instruction_fences: u64,
}

pub struct FakeMachine {
    ram: *mut u8,
    frames: u64,
    harts: Mutex<[Hart; HARTS]>,
}

// SAFETY: the memory behind `ram` is reached only through the memory system's rules and `harts` under its lock.
unsafe impl Sync for FakeMachine {}

#[repr(C, align(4096))]
struct Page([u8; PAGE_SIZE]);

// SAFETY: `ram` is `frames` pages that were leaked, so valid for ever and used by nobody else.
unsafe impl Machine for FakeMachine {
    type Format = Sv39;

    fn asids(&self) -> usize {
        64
    }

    fn hart(&self) -> usize {
        HART.get()
    }

    fn frame_address(&self, frame: FrameNo) -> *mut u8 {
        let index = frame
            .0
            .checked_sub(BASE)
            .filter(|&index| index < self.frames)
            .expect("a frame of RAM");
        self.ram.wrapping_add(index as usize * PAGE_SIZE)
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
        let mut all = self.harts.lock().unwrap();
        for (index, hart) in all
            .iter_mut()
            .enumerate()
            .filter(|(index, _)| harts.0 >> index & 1 != 0)
        {
            let _ = index;
            hart.tlb.retain(|&(asid, page), _| match fence {
                Fence::Page {
                    asid: fenced,
                    address,
                } => Asid(asid) != fenced || page != address.page(),
                Fence::Space { asid: fenced } => Asid(asid) != fenced,
            });
        }
    }

    fn synchronize_instructions(&self, harts: HartSet) {
        for (index, hart) in self.harts.lock().unwrap().iter_mut().enumerate() {
            hart.instruction_fences += harts.0 >> index & 1;
        }
    }

    fn load_root(&self, root: Option<Root>) {
        self.harts.lock().unwrap()[self.hart()].root = root;
    }

    fn read_user(&self, from: VirtAddr, to: &mut [u8]) -> usize {
        self.transfer(from, to.len(), Sv39::READABLE, |frame, offset, done, n| {
            // SAFETY: the translation allows it; tests write user memory from one thread at a time.
            unsafe {
                to[done..]
                    .as_mut_ptr()
                    .copy_from_nonoverlapping(self.frame_address(frame).add(offset), n)
            }
        })
    }

    fn write_user(&self, to: VirtAddr, from: &[u8]) -> usize {
        self.transfer(to, from.len(), Sv39::WRITABLE, |frame, offset, done, n| {
            // SAFETY: as above.
            unsafe {
                self.frame_address(frame)
                    .add(offset)
                    .copy_from_nonoverlapping(from[done..].as_ptr(), n)
            }
        })
    }

    fn refuses_allocation(&self) -> bool {
        let left = UNTIL_REFUSAL.get();
        UNTIL_REFUSAL.set(left.saturating_sub(1));
        left == 1
    }
}

impl FakeMachine {
    /// How many instruction fences a hart has had.
    pub fn instruction_fences(&self, hart: usize) -> u64 {
        self.harts.lock().unwrap()[hart].instruction_fences
    }

    fn transfer(
        &self,
        base: VirtAddr,
        length: usize,
        right: u64,
        mut step: impl FnMut(FrameNo, usize, usize, usize),
    ) -> usize {
        let mut done = 0;
        while done < length {
            let address = VirtAddr(base.0 + done as u64);
            let Some(frame) = self.translate(address, right) else {
                break;
            };
            let n = (PAGE_SIZE - address.offset()).min(length - done);
            step(frame, address.offset(), done, n);
            done += n;
        }
        done
    }

    /// The frame of an address by the TLB, else by a walk that fills it; a fault leaves the TLB as it is.
    fn translate(&self, address: VirtAddr, right: u64) -> Option<FrameNo> {
        if address.0 >= 1 << 38 {
            return None;
        }
        let mut harts = self.harts.lock().unwrap();
        let hart = &mut harts[self.hart()];
        let root = hart.root?;
        let page = address.page();
        let word = match hart.tlb.get(&(root.asid.0, page)) {
            Some(&word) => word,
            None => {
                let word = self.walk(root.table, page)?;
                hart.tlb.insert((root.asid.0, page), word);
                word
            }
        };
        match Sv39::decode(word, 0) {
            Entry::Page(frame) if word & right != 0 => Some(frame),
            _ => None,
        }
    }

    fn walk(&self, root: FrameNo, page: PageNo) -> Option<u64> {
        let mut table = root;
        for level in (0..Sv39::LEVELS).rev() {
            let word =
                phys::table_words(self, table)[Sv39::index(page, level)].load(Ordering::Acquire);
            match Sv39::decode(word, level) {
                Entry::Empty => return None,
                Entry::Table(lower) => table = lower,
                Entry::Page(_) => return Some(word),
            }
        }
        None
    }
}

/// A memory of so many frames. Leaked: tests are short.
pub fn memory(frames: u64) -> &'static Memory<FakeMachine> {
    on_hart(0);
    let pages: Vec<Page> = (0..frames + 1).map(|_| Page([0; PAGE_SIZE])).collect();
    let ram = Box::leak(pages.into_boxed_slice());
    let machine = FakeMachine {
        ram: ram.as_mut_ptr().cast(),
        frames: frames + 1,
        harts: Mutex::default(),
    };
    // The first frame is the kernel's root, empty here.
    let all = FrameRange::new(FrameNo(BASE), FrameNo(BASE + frames + 1));
    let layout = Layout {
        ram: all,
        free: FrameRange::new(FrameNo(BASE + 1), all.end),
        kernel_root: all.start,
        harts: HARTS,
    };
    let records = Box::leak(Box::new_uninit_slice(frames as usize + 1));
    Box::leak(Box::new(Memory::new(machine, layout, records)))
}

/// Free frames, as `memstat` has it.
pub fn free_frames(memory: &Memory<FakeMachine>) -> u64 {
    memory.stats()[MemCounter::Free as usize]
}

/// A counter of `memstat`.
pub fn counter(memory: &Memory<FakeMachine>, counter: MemCounter) -> u64 {
    memory.stats()[counter as usize]
}

pub type Space = AddressSpace<'static, FakeMachine>;

/// Writes as the program would, faults included.
pub fn write(space: &mut Space, address: u64, bytes: &[u8]) -> Result<(), Resolution> {
    run(space, |machine, space| {
        copy::copy_out(machine, VirtAddr(address), bytes, |at, access| {
            space.resolve_for_kernel(at, access)
        })
    })
}

/// Reads as the program would, faults included.
pub fn read(space: &mut Space, address: u64, length: usize) -> Result<Vec<u8>, Resolution> {
    let mut bytes = vec![0; length];
    run(space, |machine, space| {
        copy::copy_in(machine, VirtAddr(address), &mut bytes, |at, access| {
            space.resolve_for_kernel(at, access)
        })
    })?;
    Ok(bytes)
}

fn run(
    space: &mut Space,
    body: impl FnOnce(&FakeMachine, &mut Space) -> Result<(), copy::CopyError>,
) -> Result<(), Resolution> {
    let context = space.context().clone();
    context.enter();
    let result = body(context.memory().machine(), space);
    context.leave();
    result.map_err(|error| match error.why {
        copy::CopyFailure::Denied => Resolution::Denied,
        copy::CopyFailure::NoMemory => Resolution::NoMemory,
    })
}

/// Reads on a hart whose TLB may be stale, without the help of `resolve`.
pub fn peek(space: &Space, address: u64) -> Option<u8> {
    let mut byte = [0];
    let context = space.context();
    context.enter();
    let machine = context.memory().machine();
    let read = machine.read_user(VirtAddr(address), &mut byte);
    context.leave();
    (read == 1).then_some(byte[0])
}

/// The access a test tries by hand.
pub const WRITE: Access = Access::Write;
