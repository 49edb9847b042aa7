//! The kernel's part in paging: `mm` decides what goes and what comes, this transfers it, and whoever must wait waits here.
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
use mm::space::copy::CopyFailure;
use mm::swap::{PageWait, SwapIn};
use mm::{Reclaimed, Shortage};
use sync::atomic::{AtomicU64, Ordering};
use sync::{Counted, Held, Interruptible, SleepLock, Ticket, WaitQueue, level};

use super::tree::TREE;
use super::{Name, Process, Thread, scheduler, standstill};
use crate::arch::{self, FloatState, Machine, UserRegisters};
use crate::boot::refuse;
use crate::file::{Files, cached};
use crate::memory::memory;
use transfer::Writes;

/// Whoever wants to make frames free goes on with so many that others have made free meanwhile.
const ENOUGH: u64 = 32;

/// How often the disk may fail to write in a row before there is no memory. Each time other pages are tried.
const FAILURES: u32 = 8;

/// A page has come, or could not be read.
static ARRIVED: WaitQueue = WaitQueue::new();
/// A write has ended.
static WRITTEN: WaitQueue = WaitQueue::new();
/// Pages that are being written. More only under the lock of [`CHOICE`].
static LEAVING: AtomicU64 = AtomicU64::new(0);
/// Whoever chooses what goes does so alone: harts that walk the same families at once would only wait for each other, spinning. Inside is
/// in which turn of the clock idle page tables were last lent.
static CHOICE: SleepLock<level::Reclaim, u64> = SleepLock::new(0);
/// Frames run short.
static SHORT: WaitQueue = WaitQueue::new();

/// Whether it makes sense to try again what found no frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hope {
    /// Frames were made free, or may have been.
    More,
    /// Nothing was left to be evicted. But somebody may have made frames free since the last try, so there is one more.
    LastTry,
}

/// Does what a fault waits for. The page, if it is one, is to be held until the fault has been tried again. `hope` is the fault's own.
///
/// # Errors
/// There is no frame and none can be made free, or no such page of a file, or it cannot be read.
pub fn wait(
    wait: Wait<'static, Machine>,
    hope: &mut Hope,
    held: &mut Held<level::Nothing>,
) -> Result<Option<PageWait<'static, Machine>>, CopyFailure> {
    if !matches!(wait, Wait::Frames) {
        // There was a frame.
        *hope = Hope::More;
    }
    match wait {
        Wait::Read(read) => Ok(Some(fetch(read, standstill::pass(held).held()))),
        Wait::File(read) => {
            let page = cached::fetch(read, standstill::pass(held).held());
            // Whoever waits for a page that did not come tries for itself.
            ARRIVED.wake_all();
            page.map(Some)
        }
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
        Wait::Frames if *hope == Hope::LastTry => Err(CopyFailure::NoMemory),
        Wait::Frames => {
            *hope = relieve(standstill::pass(held).held());
            Ok(None)
        }
    }
}

/// Says that pages of files have been written back: somebody may want to store to them.
pub fn note_written() {
    ARRIVED.wake_all();
}

/// Wakes the pager if frames run short.
#[inline]
pub fn note_shortage() {
    if memory().is_short_of_frames() {
        SHORT.wake_all();
    }
}

/// Does `attempt` again for as long as it fails for want of a frame and one can be made free.
pub fn retry<T, E: Shortage>(
    held: &mut Held<level::Standstill>,
    mut attempt: impl FnMut(&mut Held<level::Standstill>) -> Result<T, E>,
) -> Result<T, E> {
    let mut hope = Hope::More;
    loop {
        match attempt(held) {
            Err(error) if error.is_of_frames() && hope == Hope::More => hope = relieve(held),
            result => return result,
        }
    }
}

/// Makes some frames free, if there are any to be had.
fn relieve(held: &mut Held<level::Standstill>) -> Hope {
    let mut writes = Writes::new();
    for _ in 0..FAILURES {
        match choose(held) {
            Choice::Free => return Hope::More,
            Choice::Write(work) => {
                if write(work, &mut writes, held) + writes.end_all(held) != 0 {
                    return Hope::More;
                }
                // The disk fails, or all were in use again: others may be luckier.
            }
            Choice::Wait(ticket) => {
                let _ = WRITTEN.wait(ticket, Interruptible::No, held);
                return Hope::More;
            }
            Choice::Nothing => break,
        }
    }
    Hope::LastTry
}

/// Makes frames free until there is a reserve, or nothing is left to be evicted. While some pages are being written, the next are chosen.
fn keep_reserve(held: &mut Held<level::Standstill>) {
    let mut writes = Writes::new();
    let mut in_vain = 0;
    while in_vain < FAILURES {
        let freed = if memory().frames_wanted() <= writes.pages() {
            if writes.is_empty() {
                return;
            }
            writes.end_oldest(held)
        } else {
            match choose(held) {
                Choice::Free => continue,
                Choice::Write(work) => write(work, &mut writes, held),
                // The only writes may be its own.
                Choice::Wait(_) if !writes.is_empty() => writes.end_oldest(held),
                Choice::Wait(ticket) => {
                    let _ = WRITTEN.wait(ticket, Interruptible::No, held);
                    continue;
                }
                Choice::Nothing => break,
            }
        };
        in_vain = if freed == 0 { in_vain + 1 } else { 0 };
    }
    writes.end_all(held);
}

/// What is to be done for free frames.
#[expect(
    clippy::large_enum_variant,
    reason = "where frames run short, there is none for a box"
)]
enum Choice {
    /// Nothing: some are free now.
    Free,
    /// This is to be written.
    Write(Reclaimed<'static, Machine>),
    /// Writes are under way, and nothing else is to be had: one is to end, or has ended since this.
    Wait(Ticket),
    /// Nothing can be done.
    Nothing,
}

/// Has `mm` choose what goes, unless somebody has made room while that was being waited for.
fn choose(held: &mut Held<level::Standstill>) -> Choice {
    let before = memory().frames_wanted();
    let mut alone = CHOICE.lock(held);
    let (lent_in, held) = alone.parts();
    if memory().frames_wanted() + ENOUGH <= before {
        return Choice::Free;
    }
    // Whatever is being written is counted: that is done under the lock, too.
    let ticket = WRITTEN.ticket();
    let under_way = LEAVING.load(Ordering::SeqCst) != 0;
    let mut work = memory().reclaim(mm::ROUND as u64);
    let leaving = work.writes.pages() + work.dirty.len();
    let turn = memory().turns_of_clock();
    if turn != *lent_in || work.freed == 0 && leaving == 0 {
        *lent_in = turn;
        work.freed += lend_idle_tables(held);
    }
    if leaving != 0 {
        LEAVING.fetch_add(leaving as u64, Ordering::SeqCst);
        Choice::Write(work)
    } else if work.freed != 0 {
        Choice::Free
    } else if under_way {
        Choice::Wait(ticket)
    } else {
        Choice::Nothing
    }
}

/// Has all processes lend their idle page tables; how many frames that made free.
fn lend_idle_tables(held: &mut Held<level::Reclaim>) -> u64 {
    let mut freed = 0;
    let mut last = None;
    while let Some(process) = { TREE.lock(held).next_alive(last).cloned() } {
        last = Some(process.pid());
        if let Some(space) = &mut *process.space.lock(held) {
            freed += space.lend_idle_tables();
        }
    }
    freed
}

/// Begins to write what a round has come to, which has been counted as leaving; how many frames are free for it, and for earlier writes
/// that ended meanwhile.
fn write(
    work: Reclaimed<'static, Machine>,
    writes: &mut Writes,
    held: &mut Held<level::Standstill>,
) -> u64 {
    let mut freed = work.freed + writes.begin(work.writes, held);
    if !work.dirty.is_empty() {
        // Whoever has the file system may be waiting for them.
        freed += writes.end_all(held);
    }
    for page in work.dirty {
        // What cannot be written has been told to people, and is tried again.
        let _ = cached::write_back(page, held);
        note_ended(1);
    }
    freed
}

/// Says that so many pages are being written no longer.
fn note_ended(pages: u64) {
    LEAVING.fetch_sub(pages, Ordering::SeqCst);
    WRITTEN.wake_all();
    // Somebody may want to store to a shared page that was being written.
    ARRIVED.wake_all();
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

/// Makes the pager, which will run when the scheduler does.
pub fn start_pager() {
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
        keep_reserve(standstill::pass(&mut held).held());
        let _ = SHORT.wait(ticket, Interruptible::No, &mut held);
    }
}
