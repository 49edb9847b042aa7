//! The kernel's part in swapping: `mm` decides what goes and what comes, this transfers it, and whoever must wait waits here.
//!
//! Frames run short in the background first: the *pager*, a thread of the kernel's own, is woken when few are left and evicts until
//! there is a reserve. A fault that finds none evicts for itself ([`relieve`]). Pages come in in the thread that needs them.
//!
//! Invariants: everything here happens inside the gate of [`standstill`], so that an audit never meets a page half-way
//! out; a token of `mm` outlives the transfer that it stands for.
//! Neighbours: [`super::fault`] waits; [`transfer`] has [`crate::device::block::swap`], the disk, do it.

mod transfer;

use abi::ForkMode;
use mm::space::Wait;
use mm::swap::{PageWait, SwapIn, SwapOuts};
use mm::{NoMemory, Reclaimed};
use sync::atomic::{AtomicU32, Ordering};
use sync::{Counted, Held, Interruptible, SleepLock, WaitQueue, level};

use super::{Name, Process, Thread, scheduler, standstill};
use crate::arch::{self, FloatState, Machine, UserRegisters};
use crate::boot::refuse;
use crate::device::block::swap;
use crate::file::Files;
use crate::memory::memory;

/// Whoever wants to make frames free goes on with so many that others have made free meanwhile.
const ENOUGH: u64 = 32;

/// How often the disk may fail to write in a row before there is no memory. Each time other pages are tried.
const FAILURES: u32 = 8;

/// A page has come, or could not be read.
static ARRIVED: WaitQueue = WaitQueue::new();
/// A write has ended.
static WRITTEN: WaitQueue = WaitQueue::new();
/// Writes under way.
static WRITES: AtomicU32 = AtomicU32::new(0);
/// Whoever chooses what goes does so alone: harts that walk the same families at once would only wait for each other, spinning.
static CHOICE: SleepLock<level::Reclaim, ()> = SleepLock::new(());
/// Frames run short.
static SHORT: WaitQueue = WaitQueue::new();

/// Does what a fault waits for. The page, if it is one, is to be held until the fault has been tried again.
///
/// # Errors
/// There is no frame, and none can be made free.
pub fn wait(
    wait: Wait<'static, Machine>,
    held: &mut Held<level::Nothing>,
) -> Result<Option<PageWait<'static, Machine>>, NoMemory> {
    match wait {
        Wait::Read(read) => Ok(Some(fetch(read, standstill::pass(held).held()))),
        Wait::Page(page) => {
            loop {
                let ticket = ARRIVED.ticket();
                if !page.is_coming() {
                    return Ok(Some(page));
                }
                // A disk answers soon and must be waited for, killed or not.
                let _ = ARRIVED.wait(ticket, Interruptible::No, held);
            }
        }
        Wait::Frames if relieve(standstill::pass(held).held()) => Ok(None),
        Wait::Frames => Err(NoMemory::Frames),
    }
}

/// Wakes the pager if frames run short.
#[inline]
pub fn note_shortage() {
    if memory().is_short_of_frames() {
        SHORT.wake_all();
    }
}

/// Does `attempt` again for as long as it fails for want of a frame and one can be made free.
pub fn retry<T>(
    held: &mut Held<level::Standstill>,
    mut attempt: impl FnMut(&mut Held<level::Standstill>) -> Result<T, NoMemory>,
) -> Result<T, NoMemory> {
    loop {
        match attempt(held) {
            Err(NoMemory::Frames) if relieve(held) => {}
            result => return result,
        }
    }
}

/// Makes some frames free; whether there is hope that it did.
fn relieve(held: &mut Held<level::Standstill>) -> bool {
    for _ in 0..FAILURES {
        let Some(Reclaimed { mut freed, writes }) = choose(held) else {
            return true;
        };
        let writing = !writes.is_empty();
        if writing {
            freed += evict(writes, held);
        }
        if freed != 0 {
            return true;
        }
        if !writing {
            return await_write(held);
        }
        // The disk fails, or all were in use again: others may be luckier.
    }
    false
}

/// Has `mm` choose what goes, unless somebody has made room while that was being waited for.
fn choose(held: &mut Held<level::Standstill>) -> Option<Reclaimed<'static, Machine>> {
    let before = memory().frames_wanted();
    let _alone = CHOICE.lock(held);
    let enough = memory().frames_wanted() + ENOUGH <= before;
    (!enough).then(|| memory().reclaim(mm::ROUND as u64))
}

/// Waits until one of the writes under way has ended; false if there is none.
fn await_write(held: &mut Held<level::Standstill>) -> bool {
    let ticket = WRITTEN.ticket();
    if WRITES.load(Ordering::SeqCst) == 0 {
        return false;
    }
    let _ = WRITTEN.wait(ticket, Interruptible::No, held);
    true
}

/// Writes pages out; how many frames that made free.
fn evict(writes: SwapOuts<'static, Machine>, held: &mut Held<level::Standstill>) -> u64 {
    WRITES.fetch_add(1, Ordering::SeqCst);
    let freed = transfer::write(writes, held);
    WRITES.fetch_sub(1, Ordering::SeqCst);
    WRITTEN.wake_all();
    // Somebody may want to store to a shared page that was being written.
    ARRIVED.wake_all();
    freed
}

/// Reads pages in.
fn fetch(
    read: SwapIn<'static, Machine>,
    held: &mut Held<level::Standstill>,
) -> PageWait<'static, Machine> {
    let page = transfer::read(read, held);
    ARRIVED.wake_all();
    page
}

/// Makes the pager, which will run when the scheduler does, if there is a swap disk.
pub fn start_pager() {
    if swap::pages() == 0 {
        return;
    }
    // The boot is the thread of execution here, and it holds nothing.
    let mut held = Held::<level::Nothing>::claim();
    let name = Name::of_path(b"pager");
    // It is a process of its own that is in no tree: no program can see, wait for or kill it.
    let process = Process::new(name, ForkMode::CopyOnWrite, None, Files::new());
    let thread = Counted::try_new(process)
        .map_err(Into::into)
        .and_then(|process| {
            let registers = UserRegisters::new();
            Thread::try_new(process, run, &registers, FloatState::new(), None)
        });
    match thread {
        Ok(thread) => scheduler::start(thread, &mut held),
        Err(_) => refuse(format_args!(
            "there is no memory for the pager; give the machine more"
        )),
    }
}

/// The pager.
extern "C" fn run(_: usize) -> ! {
    scheduler::arrive();
    arch::enable_interrupts();
    let mut held = Held::<level::Nothing>::claim();
    loop {
        let ticket = SHORT.ticket();
        while memory().frames_wanted() > 0 && relieve(standstill::pass(&mut held).held()) {}
        let _ = SHORT.wait(ticket, Interruptible::No, &mut held);
    }
}
