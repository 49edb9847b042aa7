//! Kernel stacks: 16 KiB each, in slots of a region of their own, with as much guard below.
//!
//! A stack is mapped at addresses nobody has used since the last fence of all harts: slots are given out in rotation, and
//! the fence is paid once per round, when no fresh slot is left. Between a stack's end and that fence a hart may still have
//! the old translation, of addresses that no code uses; Linux treats `vfree` alike.
//! Invariant: a slot is fresh, in use, or stale, and goes round in that order.

use mm::addr::FrameNo;
use mm::{Need, NoMemory};
use sync::LeafLock;

use crate::arch::{self, STACK_FRAMES, STACK_SLOT_SIZE, STACKS, UserRegisters};
use crate::memory::{Frame, memory};

/// Most slots there can be: the stack region is 1 GiB.
const SLOTS_MAX: usize = (1 << 30) / STACK_SLOT_SIZE;
const WORDS: usize = SLOTS_MAX / 64;

/// A set of slots.
struct Slots([u64; WORDS]);

impl Slots {
    fn contains(&self, slot: usize) -> bool {
        self.0[slot / 64] >> (slot % 64) & 1 != 0
    }

    fn insert(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    fn remove(&mut self, slot: usize) {
        self.0[slot / 64] &= !(1 << (slot % 64));
    }
}

struct Allocator {
    used: Slots,
    stale: Slots,
    next: usize,
}

static ALLOCATOR: LeafLock<Allocator> = LeafLock::new(Allocator {
    used: Slots([0; WORDS]),
    stale: Slots([0; WORDS]),
    next: 0,
});

impl Allocator {
    fn take(&mut self) -> Option<usize> {
        if let Some(slot) = self.find_fresh() {
            return Some(slot);
        }
        // The harts answer the fence in firmware, whatever lock they wait for, so it may be awaited under this one.
        arch::fence_stacks();
        self.stale = Slots([0; WORDS]);
        self.find_fresh()
    }

    /// The next slot from where the last search ended; each round looks at every slot once.
    fn find_fresh(&mut self) -> Option<usize> {
        let slots = arch::stack_slots();
        while self.next < slots {
            let slot = self.next;
            self.next += 1;
            if !self.used.contains(slot) && !self.stale.contains(slot) {
                self.used.insert(slot);
                return Some(slot);
            }
        }
        self.next = 0;
        None
    }

    fn give_back(&mut self, slot: usize) {
        self.used.remove(slot);
        self.stale.insert(slot);
    }
}

/// A kernel stack. Its memory and its slot are given back when it is dropped, so not by the thread that runs on it.
#[derive(Debug)]
pub struct KernelStack {
    slot: usize,
    frames: [FrameNo; STACK_FRAMES],
}

impl KernelStack {
    /// A stack of fresh frames.
    pub fn try_new() -> Result<Self, NoMemory> {
        let mut frames: [Option<Frame>; STACK_FRAMES] = Default::default();
        for frame in &mut frames {
            *frame = Some(memory().frame_for_kernel(Need::Lasting)?);
        }
        let slot = ALLOCATOR.with(Allocator::take).ok_or(NoMemory::Places)?;
        let frames = frames.map(|frame| frame.map_or(FrameNo(0), Frame::into_reference));
        arch::map_stack(slot, &frames);
        Ok(Self { slot, frames })
    }

    /// One past the highest address.
    pub fn top(&self) -> usize {
        top_of(self.slot)
    }

    /// Where the registers of the thread's program are while the kernel runs: at the top.
    pub fn user_registers(&self) -> *mut UserRegisters {
        (self.top() - size_of::<UserRegisters>()) as *mut UserRegisters
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        arch::unmap_stack(self.slot);
        for frame in self.frames {
            drop(memory().reclaim_kernel_frame(frame));
        }
        ALLOCATOR.with(|slots| slots.give_back(self.slot));
    }
}

fn top_of(slot: usize) -> usize {
    STACKS + (slot + 1) * STACK_SLOT_SIZE
}

/// Makes a stack that is never given back, of frames from before the memory system. Returns its top.
pub fn make_permanent(frames: [FrameNo; STACK_FRAMES]) -> usize {
    let slot = ALLOCATOR.with(Allocator::take);
    // The region has room for many more stacks than there are harts.
    let slot = slot.unwrap_or_else(|| unreachable!("no slot for the stack of a hart"));
    arch::map_stack(slot, &frames);
    top_of(slot)
}

/// Calls itself until the stack it runs on is used up, for the test of what happens then.
#[inline(never)]
pub fn overrun(depth: u64) -> u64 {
    let block = core::hint::black_box([depth; 32]);
    match depth {
        u64::MAX => 0,
        _ => overrun(depth + 1).wrapping_add(block[0]),
    }
}
