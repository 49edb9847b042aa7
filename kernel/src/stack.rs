//! Kernel stacks: 16 KiB each, in slots of a region of their own, with as much guard below.
//!
//! A stack's memory and its slot are used again as soon as it is gone. No hart has to forget it
//! then, because each hart forgets everything before it runs on a stack for the first time
//! (`kernel_logic::stack_slot` has the reasons and the test).
//!
//! Invariant: a stack is reached through its slot by the hart that runs on it and by nobody else.
//! What a new thread is to find on its stack is written through the direct map.

use abi::PAGE_SIZE;
use kernel_logic::stack_slot::Slots;
use mm::addr::FrameNo;
use mm::{Need, NoMemory};
use sync::LeafLock;

use crate::arch::{self, STACK_FRAMES, STACK_SLOT_SIZE, STACKS, UserRegisters};
use crate::memory::{Frame, memory};

/// Most slots there can be: the stack region is 1 GiB.
const SLOTS_MAX: usize = (1 << 30) / STACK_SLOT_SIZE;

static SLOTS: LeafLock<Slots<{ SLOTS_MAX / 64 }>> = LeafLock::new(Slots::new());

/// A kernel stack. Its memory and its slot are given back when it is dropped, so not by the thread
/// that runs on it.
#[derive(Debug)]
pub struct KernelStack {
    slot: usize,
    frames: [FrameNo; STACK_FRAMES],
}

impl KernelStack {
    /// Returns a stack of fresh frames, for a thread whose program begins with `registers`.
    pub fn try_new(registers: &UserRegisters) -> Result<Self, NoMemory> {
        let mut frames: [Option<Frame>; STACK_FRAMES] = Default::default();
        for frame in &mut frames {
            *frame = Some(memory().frame_for_kernel(Need::Lasting)?);
        }
        let slot = take_slot().ok_or(NoMemory::Places)?;
        let frames = frames.map(|frame| frame.map_or(FrameNo(0), Frame::into_reference));
        arch::map_stack(slot, &frames);
        let stack = Self { slot, frames };
        stack.write(registers);
        Ok(stack)
    }

    /// One past the highest address.
    pub fn top(&self) -> usize {
        top_of(self.slot)
    }

    /// Returns where the registers of the thread's program are while the kernel runs: at the top.
    /// For the thread itself.
    pub fn user_registers(&self) -> *mut UserRegisters {
        (self.top() - size_of::<UserRegisters>()) as *mut UserRegisters
    }

    /// Writes the registers of a thread that does not run yet.
    fn write(&self, registers: &UserRegisters) {
        let highest = arch::to_virtual(self.frames[STACK_FRAMES - 1].address());
        let place = highest.wrapping_add(PAGE_SIZE - size_of::<UserRegisters>());
        // SAFETY: the end of the stack's highest frame, aligned for the registers as a page is. The
        // stack is new, so nobody else reaches the frame.
        unsafe { place.cast::<UserRegisters>().write(registers.clone()) };
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        arch::unmap_stack(self.slot);
        for frame in self.frames {
            drop(memory().reclaim_kernel_frame(frame));
        }
        SLOTS.with(|slots| slots.give(self.slot));
    }
}

fn take_slot() -> Option<usize> {
    let count = arch::stack_slots();
    SLOTS.with(|slots| slots.take(count))
}

fn top_of(slot: usize) -> usize {
    STACKS + (slot + 1) * STACK_SLOT_SIZE
}

/// Makes a stack that is never given back, of frames from before the memory system. Returns its
/// top.
pub fn make_permanent(frames: [FrameNo; STACK_FRAMES]) -> usize {
    // The region has room for many more stacks than there are harts.
    let slot = take_slot().unwrap_or_else(|| unreachable!("no slot for the stack of a hart"));
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
