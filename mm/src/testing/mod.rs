//! What the unit tests use: a memory system on a pretended machine, and programs that read and
//! write.

mod disk;
mod files;
mod machine;

use std::mem::MaybeUninit;

use abi::MemCounter;

use self::files::end_write;
pub use self::files::{read_file, truncate, write_back, write_file};
use self::machine::{BASE, HARTS};
pub use self::machine::{FakeMachine, at_fence, fail_nth, looks, on_hart};
use crate::addr::{FrameNo, FrameRange, FrameRanges, PageNo, PageRange, VirtAddr};
use crate::frame::FrameRecord;
use crate::machine::Machine;
use crate::memory::{Layout, Memory};
use crate::pt::{Format, Pte, Sv39, Table, UserPage, UserRange};
use crate::reclaim::{NoFrame, Reclaimed, Retry, Round};
use crate::space::copy::{self, CopyError, CopyFailure};
use crate::space::{Access, AddressSpace, Ending, MapError, Resolution, Wait};
use crate::swap::{SwapOut, words_for};

/// Returns a memory of `frames` frames. It is leaked, because tests are short.
pub fn memory(frames: u64) -> &'static Memory<FakeMachine> {
    memory_with_swap(frames, 0)
}

/// Returns a memory of `frames` frames, on a machine whose page tables have the format `F`.
pub fn memory_of<F: Format>(frames: u64) -> &'static Memory<FakeMachine<F>> {
    let (memory, _) = build(frames, 0);
    // SAFETY: nobody frees it.
    unsafe { &*memory }
}

/// Repeats a call that ends mappings until it succeeds, without writing back the pages that it
/// names.
pub fn ended<R>(mut body: impl FnMut(&mut Ending) -> Result<R, MapError>) -> Result<R, MapError> {
    let mut ending = Ending::new();
    loop {
        match body(&mut ending) {
            Err(MapError::Unwritten(_)) => {}
            result => return result,
        }
    }
}

/// Returns a page of the user half.
pub fn user_page(page: u64) -> UserPage {
    UserPage::new::<Sv39>(PageNo(page)).unwrap()
}

/// Returns a range of pages in the user half.
pub fn user_range(start: u64, end: u64) -> UserRange {
    UserRange::new::<Sv39>(PageRange::new(PageNo(start), PageNo(end))).unwrap()
}

/// Returns a memory of `frames` frames, with `slots` slots of swap.
pub fn memory_with_swap(frames: u64, slots: usize) -> &'static Memory<FakeMachine> {
    let (memory, _) = build(frames, slots);
    // SAFETY: nobody frees it.
    unsafe { &*memory }
}

/// Lends a memory to `body`, one of thousands of executions. By its return, `body` has joined its
/// threads and dropped its spaces.
#[cfg(shuttle)]
pub fn with_memory(frames: u64, body: impl FnOnce(&'static Memory<FakeMachine>)) {
    with_memory_and_swap(frames, 0, body);
}

/// Does the same, with so many slots of swap.
#[cfg(shuttle)]
pub fn with_memory_and_swap(
    frames: u64,
    slots: usize,
    body: impl FnOnce(&'static Memory<FakeMachine>),
) {
    let (memory, records) = build(frames, slots);
    // SAFETY: it lives for as long as `body` runs, and nothing of it is used longer: see above.
    body(unsafe { &*memory });
    // SAFETY: both came from boxes; the memory, which goes first, was the only user of the records.
    unsafe {
        drop(Box::from_raw(memory));
        drop(Box::from_raw(records));
    }
}

/// Returns a memory and its frame table, in boxes. The table of slots is leaked.
fn build<F: Format>(
    frames: u64,
    slots: usize,
) -> (*mut Memory<FakeMachine<F>>, *mut [MaybeUninit<FrameRecord>]) {
    on_hart(0);
    // The first frame is the kernel's root.
    let all = FrameRange::new(FrameNo(BASE), FrameNo(BASE + frames + 1));
    let layout = Layout {
        ram: FrameRanges::from_iter([all]),
        free: FrameRanges::from_iter([FrameRange::new(FrameNo(BASE + 1), all.end)]),
        kernel_root: all.start,
        harts: HARTS,
    };
    let records = Box::into_raw(Box::new_uninit_slice(frames as usize + 1));
    let machine = FakeMachine::new(frames + 1);
    // SAFETY: from a box, and lent to the memory alone.
    let records_of_frames = unsafe { &mut *records };
    let free_slots = Box::leak(Box::new_uninit_slice(words_for(slots)));
    let slots = Box::leak(Box::new_uninit_slice(slots));
    let memory = Memory::new(machine, layout, records_of_frames, slots, free_slots);
    (Box::into_raw(Box::new(memory)), records)
}

/// Returns how many frames are free, as `memstat` counts them.
pub fn free_frames<F: Format>(memory: &Memory<FakeMachine<F>>) -> u64 {
    memory.stats()[MemCounter::Free as usize]
}

/// Returns a counter of `memstat`.
pub fn counter<F: Format>(memory: &Memory<FakeMachine<F>>, counter: MemCounter) -> u64 {
    memory.stats()[counter as usize]
}

/// Returns the numbers of copy, reuse and zero-fill faults so far.
pub fn faults<F: Format>(memory: &Memory<FakeMachine<F>>) -> (u64, u64, u64) {
    (
        counter(memory, MemCounter::CopyFaults),
        counter(memory, MemCounter::ReuseFaults),
        counter(memory, MemCounter::ZeroFaults),
    )
}

/// Audits a memory with these spaces. Fails if the audit finds anything.
#[track_caller]
pub fn audit<'s, F: Format>(
    memory: &'static Memory<FakeMachine<F>>,
    spaces: impl IntoIterator<Item = &'s SpaceOf<F>>,
) {
    if let Err(finding) = memory.audit(spaces) {
        panic!("{finding}");
    }
}

pub type Space = SpaceOf<Sv39>;

/// A space whose page tables have the format `F`.
pub type SpaceOf<F> = AddressSpace<'static, FakeMachine<F>>;

/// Writes as a program does, and resolves its faults.
pub fn write<F: Format>(
    space: &mut SpaceOf<F>,
    address: u64,
    bytes: &[u8],
) -> Result<(), CopyFailure> {
    run(space, |machine, space| {
        copy::copy_out(machine, VirtAddr(address), bytes, |at, access| {
            resolve(space, at, access)
        })
    })
}

/// Reads as a program does, and resolves its faults.
pub fn read<F: Format>(
    space: &mut SpaceOf<F>,
    address: u64,
    length: usize,
) -> Result<Vec<u8>, CopyFailure> {
    let mut bytes = vec![0; length];
    run(space, |machine, space| {
        copy::copy_in(machine, VirtAddr(address), &mut bytes, |at, access| {
            resolve(space, at, access)
        })
    })?;
    Ok(bytes)
}

fn run<F: Format>(
    space: &mut SpaceOf<F>,
    body: impl FnOnce(&FakeMachine<F>, &mut SpaceOf<F>) -> Result<(), CopyError>,
) -> Result<(), CopyFailure> {
    let context = space.context().clone();
    context.enter();
    let result = body(context.memory().machine(), space);
    context.leave();
    result.map_err(|error| error.why)
}

/// Makes an entry writable for the hardware, even if the page is shared.
pub(crate) fn let_write(table: Table<'_, Sv39>, index: usize) {
    let pte = table.get(index);
    let writable = Pte::from_word(pte.word() | Sv39::WRITABLE);
    assert!(table.replace(index, pte, writable));
}

/// Resolves a fault in a space.
pub fn resolve<F: Format>(
    space: &mut SpaceOf<F>,
    address: VirtAddr,
    access: Access,
) -> Result<(), CopyFailure> {
    let memory = space.context().memory();
    resolve_by(memory, || space.resolve(address, access))
}

/// Resolves a fault and does the kernel's part: reads pages that must be read, and writes pages
/// that must be evicted.
pub fn resolve_by<F: Format>(
    memory: &'static Memory<FakeMachine<F>>,
    mut resolve: impl FnMut() -> Resolution<'static, FakeMachine<F>>,
) -> Result<(), CopyFailure> {
    // The page is held until the fault has been tried again.
    let mut page = None;
    let mut retry = Retry::new();
    loop {
        let wait = match resolve() {
            Resolution::Done => return Ok(()),
            Resolution::Denied => return Err(CopyFailure::Denied),
            Resolution::NoMemory => return Err(CopyFailure::NoMemory),
            Resolution::Lost => return Err(CopyFailure::Lost),
            Resolution::Wait(wait) => wait,
        };
        match wait {
            Wait::Page(coming) => {
                while coming.is_coming() {
                    sync::atomic::spin_loop();
                }
                drop(page.replace(coming));
            }
            Wait::File(read) => drop(page.replace(memory.machine().files.fetch(read)?)),
            Wait::Read(read) => drop(page.replace(memory.machine().disk.read(read))),
            Wait::Frames => retry
                .after(reclaim_round(memory, 4))
                .map_err(|NoFrame| CopyFailure::NoMemory)?,
        }
    }
}

/// Frees about `wanted` frames. Returns how many were freed.
pub fn make_free<F: Format>(memory: &Memory<FakeMachine<F>>, wanted: u64) -> u64 {
    reclaim_round(memory, wanted).freed
}

/// Does a round of reclaim, as the kernel's pager does.
pub fn reclaim_round<F: Format>(memory: &Memory<FakeMachine<F>>, wanted: u64) -> Round {
    reclaim_round_amid(memory, wanted, || {})
}

/// Does a round of reclaim. Calls `others` during each write to a file, after the round has decided
/// to write the page and before the write ends.
pub fn reclaim_round_amid<F: Format>(
    memory: &Memory<FakeMachine<F>>,
    wanted: u64,
    mut others: impl FnMut(),
) -> Round {
    let Reclaimed {
        freed,
        writes,
        dirty,
    } = memory.reclaim(wanted);
    let mut round = Round {
        freed,
        ..Round::default()
    };
    for write in writes {
        let pages = write.count() as u64;
        let freed = memory.machine().disk.write(write);
        // A broken disk frees no frames.
        round.add(Round::of_write(
            pages,
            (freed != 0).then_some(freed).ok_or(()),
        ));
    }
    for page in dirty {
        let write = memory.write_back_to_evict(page);
        others();
        let freed = end_write(memory, page, write);
        round.add(Round::of_write(1, freed.ok_or(())));
    }
    round
}

/// Evicts pages until no more can be evicted, without writing any. Returns the writes.
pub fn begin_writes<M: Machine>(memory: &Memory<M>) -> Vec<SwapOut<'_, M>> {
    let mut writes = Vec::new();
    loop {
        let before = writes.len();
        writes.extend(memory.reclaim(32).writes);
        if writes.len() == before {
            return writes;
        }
    }
}

/// Evicts pages until no more can be evicted.
pub fn evict_all<F: Format>(memory: &Memory<FakeMachine<F>>) {
    while make_free(memory, 32) != 0 {}
}

/// Reads on a hart whose TLB may be stale, without resolving faults.
pub fn peek<F: Format>(space: &SpaceOf<F>, address: u64) -> Option<u8> {
    let mut byte = [0];
    let context = space.context();
    context.enter();
    let machine = context.memory().machine();
    let read = machine.read_user(VirtAddr(address), &mut byte);
    context.leave();
    (read == 1).then_some(byte[0])
}

/// A store, for tests that call `resolve` themselves.
pub const WRITE: Access = Access::Write;
