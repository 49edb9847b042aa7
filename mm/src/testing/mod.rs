//! What the unit tests work with: a memory system on a pretended machine, and programs that read and write.

mod machine;

use std::mem::MaybeUninit;

use abi::MemCounter;

use self::machine::{BASE, HARTS};
pub use self::machine::{FakeMachine, at_fence, fail_nth, on_hart};
use crate::addr::{FrameNo, FrameRange, VirtAddr};
use crate::frame::FrameRecord;
use crate::machine::Machine;
use crate::memory::{Layout, Memory};
use crate::space::{Access, AddressSpace, Resolution, copy};

/// A memory of so many frames. Leaked: tests are short.
pub fn memory(frames: u64) -> &'static Memory<FakeMachine> {
    let (memory, _) = build(frames);
    // SAFETY: nobody frees it.
    unsafe { &*memory }
}

/// Lends a memory to one of thousands of executions. When `body` returns, it has joined its threads and dropped its spaces.
#[cfg(shuttle)]
pub fn with_memory(frames: u64, body: impl FnOnce(&'static Memory<FakeMachine>)) {
    let (memory, records) = build(frames);
    // SAFETY: it lives for as long as `body` runs, and nothing of it is used longer: see above.
    body(unsafe { &*memory });
    // SAFETY: both came from boxes; the memory, which goes first, was the only user of the records.
    unsafe {
        drop(Box::from_raw(memory));
        drop(Box::from_raw(records));
    }
}

/// A memory and its frame table, in boxes.
fn build(frames: u64) -> (*mut Memory<FakeMachine>, *mut [MaybeUninit<FrameRecord>]) {
    on_hart(0);
    // The first frame is the kernel's root, empty here.
    let all = FrameRange::new(FrameNo(BASE), FrameNo(BASE + frames + 1));
    let layout = Layout {
        ram: all,
        free: FrameRange::new(FrameNo(BASE + 1), all.end),
        kernel_root: all.start,
        harts: HARTS,
    };
    let records = Box::into_raw(Box::new_uninit_slice(frames as usize + 1));
    let machine = FakeMachine::new(frames + 1);
    // SAFETY: from a box, and lent to the memory alone.
    let memory = Memory::new(machine, layout, unsafe { &mut *records });
    (Box::into_raw(Box::new(memory)), records)
}

/// Free frames, as `memstat` has it.
pub fn free_frames(memory: &Memory<FakeMachine>) -> u64 {
    memory.stats()[MemCounter::Free as usize]
}

/// A counter of `memstat`.
pub fn counter(memory: &Memory<FakeMachine>, counter: MemCounter) -> u64 {
    memory.stats()[counter as usize]
}

/// Copy, reuse and zero-fill faults so far.
pub fn faults(memory: &Memory<FakeMachine>) -> (u64, u64, u64) {
    (
        counter(memory, MemCounter::CopyFaults),
        counter(memory, MemCounter::ReuseFaults),
        counter(memory, MemCounter::ZeroFaults),
    )
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
