//! Kernel stacks: 16 KiB each, in slots of a region of their own, each with a guard of 16 KiB
//! below.
//!
//! A stack's frames and slot may be used again at once when the stack is dropped. No hart needs to
//! flush then, because each hart flushes before it runs on a stack for the first time
//! (`kernel_logic::stack_slot` has the reasons and the test).
//!
//! Invariant: only the hart that runs on a stack uses the addresses of its slot. The initial
//! contents of a stack are written through the direct map.

use abi::PAGE_SIZE;
use kernel_logic::stack_slot::Slots;
use mm::addr::FrameNo;
use mm::{Need, NoMemory};
use sync::LeafLock;

use crate::arch::{self, STACK_FRAMES, STACK_SLOT_SIZE, STACKS, UserRegisters};
use crate::memory::{Frame, memory};

/// The most slots that the stack region, which is 1 GiB, can hold.
const SLOTS_MAX: usize = (1 << 30) / STACK_SLOT_SIZE;

static SLOTS: LeafLock<Slots<{ SLOTS_MAX / 64 }>> = LeafLock::new(Slots::new());

/// A kernel stack. Dropping it frees its frames and its slot, so the thread that runs on it must
/// not drop it.
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

    /// Returns the address one past the highest byte.
    pub fn top(&self) -> usize {
        top_of(self.slot)
    }

    /// Returns the address at the top where the registers of the thread's program are saved while
    /// the kernel runs. Only the thread itself may use it.
    pub fn user_registers(&self) -> *mut UserRegisters {
        (self.top() - size_of::<UserRegisters>()) as *mut UserRegisters
    }

    /// Stores the registers of a thread that does not run yet.
    fn write(&self, registers: &UserRegisters) {
        let highest = arch::to_virtual(self.frames[STACK_FRAMES - 1].address());
        let place = highest.wrapping_add(PAGE_SIZE - size_of::<UserRegisters>());
        // SAFETY: the end of the stack's highest frame, aligned for the registers as a page is. The
        // stack is new, so no other code reaches the frame.
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

/// Makes a stack that is never freed, from frames of before the memory system. Returns its top.
pub fn make_permanent(frames: [FrameNo; STACK_FRAMES]) -> usize {
    // The region has room for many more stacks than there are harts.
    let slot = take_slot().unwrap_or_else(|| unreachable!("no slot for the stack of a hart"));
    arch::map_stack(slot, &frames);
    top_of(slot)
}

/// Recurses until the stack is used up, for a test of the guard.
#[inline(never)]
pub fn overrun(depth: u64) -> u64 {
    let block = core::hint::black_box([depth; 32]);
    match depth {
        u64::MAX => 0,
        _ => overrun(depth + 1).wrapping_add(block[0]),
    }
}
