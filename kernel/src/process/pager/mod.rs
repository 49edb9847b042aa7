//! The kernel's part in paging. `mm` decides which pages to evict and to read; this module
//! transfers them, and threads wait here.
//!
//! The *pager*, a kernel thread, is woken when few frames are left, and evicts until there is a
//! reserve. A fault that finds no frame does a round of reclaim itself ([`relieve`]);
//! [`mm::Retry`], which states when a claimant is told that there is no memory, then says whether
//! to try again. Each page is read in by the thread that needs it.
//!
//! Invariants: everything here happens inside the gate of [`standstill`], so that an audit never
//! meets a half-evicted page. A token of `mm` outlives its transfer. Neighbours: [`super::fault`]
//! calls [`wait`]; [`transfer`] uses [`crate::device::block::swap`], the disk.

#[expect(unsafe_code, reason = "frames that belong to the device meanwhile")]
mod transfer;

use mm::space::Wait;
use mm::space::copy::CopyFailure;
use mm::swap::{PageWait, SwapIn};
use mm::{NoFrame, Reclaimed, Retry, Round, Shortage};
use sync::atomic::{AtomicU64, Ordering};
use sync::{Held, Interruptible, SleepLock, Ticket, WaitQueue, level};

use super::tree::TREE;
use super::{kernel_thread, standstill};
use crate::arch::Machine;
use crate::file::cached;
use crate::memory::memory;
use transfer::Writes;

/// A round that had to wait for its turn does nothing if this many frames were freed meanwhile.
const FREED_MEANWHILE: u64 = 32;

/// Woken when a page was read, or could not be, and when a page of a file was written back and may
/// be stored to again.
static ARRIVED: WaitQueue = WaitQueue::new();
/// Woken when a write has ended.
static WRITTEN: WaitQueue = WaitQueue::new();
/// The number of pages that rounds have chosen and that are not written yet. It grows only under
/// the lock of [`TURN`].
static ON_THEIR_WAY_OUT: AtomicU64 = AtomicU64::new(0);
/// The turn of the hart that chooses pages to evict. Harts that walked one family at once would
/// only spin for each other's locks. The value is the turn of the clock in which idle page tables
/// were last lent.
static TURN: SleepLock<level::Reclaim, u64> = SleepLock::new(0);
/// Woken when frames run short.
static SHORT: WaitQueue = WaitQueue::new();

/// Does the wait that `mm` asks for to resolve a fault. The caller holds the returned page until it
/// has tried the fault again. `retry` belongs to the fault.
///
/// # Errors
/// There is no frame and none can be freed ([`Retry`]), or the file has no such page, or the page
/// cannot be read.
pub fn wait(
    wait: Wait<'static, Machine>,
    retry: &mut Retry,
    held: &mut Held<level::Nothing>,
) -> Result<Option<PageWait<'static, Machine>>, CopyFailure> {
    if !matches!(wait, Wait::Frames) {
        // The attempt got past the allocation of a frame.
        *retry = Retry::new();
    }
    match wait {
        Wait::Read(read) => Ok(Some(fetch(read, standstill::pass(held).held()))),
        Wait::File(read) => {
            let page = cached::fetch(read, standstill::pass(held).held());
            // Threads that wait for a page that could not be read try for themselves.
            ARRIVED.wake_all();
            page.map(Some)
        }
        Wait::Page(page) => {
            loop {
                let ticket = ARRIVED.ticket();
                if !page.is_coming() {
                    return Ok(Some(page));
                }
                // A disk answers soon and must be waited for, even by a killed process.
                let _ = ARRIVED.wait(ticket, Interruptible::No, held);
            }
        }
        Wait::Frames => {
            let round = relieve(standstill::pass(held).held());
            retry
                .after(round)
                .map_err(|NoFrame| CopyFailure::NoMemory)?;
            Ok(None)
        }
    }
}

/// Notes that pages of files were written back. Threads may wait to store to them.
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

/// Repeats `attempt` for as long as it fails for lack of a frame and one can be freed.
pub fn retry<T, E: Shortage>(
    held: &mut Held<level::Standstill>,
    mut attempt: impl FnMut(&mut Held<level::Standstill>) -> Result<T, E>,
) -> Result<T, E> {
    let mut retry = Retry::new();
    loop {
        let result = attempt(held);
        let short = result.as_ref().is_err_and(Shortage::is_of_frames);
        if !short || retry.after(relieve(held)).is_err() {
            return result;
        }
    }
}

/// Does a round of reclaim for a thread that waits for it.
fn relieve(held: &mut Held<level::Standstill>) -> Round {
    match choose(held) {
        Chosen::Pages(work) => {
            let mut writes = Writes::new();
            let mut round = write(work, &mut writes, held);
            round.add(writes.end_all(held));
            round
        }
        Chosen::Others(ticket) => {
            if let Some(ticket) = ticket {
                let _ = WRITTEN.wait(ticket, Interruptible::No, held);
            }
            Round::of_others()
        }
        Chosen::Nothing => Round::default(),
    }
}

/// Frees frames until there is a reserve, or no more can be freed. Chooses the next pages while the
/// previous ones are being written.
fn keep_reserve(held: &mut Held<level::Standstill>) {
    let mut writes = Writes::new();
    let mut retry = Retry::new();
    loop {
        let round = if memory().frames_wanted() <= writes.pages() {
            if writes.is_empty() {
                return;
            }
            writes.end_oldest(held)
        } else {
            match choose(held) {
                Chosen::Pages(work) => write(work, &mut writes, held),
                // The only writes may be this thread's own.
                Chosen::Others(Some(_)) if !writes.is_empty() => writes.end_oldest(held),
                Chosen::Others(Some(ticket)) => {
                    let _ = WRITTEN.wait(ticket, Interruptible::No, held);
                    Round::of_others()
                }
                Chosen::Others(None) => Round::of_others(),
                Chosen::Nothing => break,
            }
        };
        // A transfer that has only begun has no result yet.
        if round != Round::default() && retry.after(round).is_err() {
            break;
        }
    }
    writes.end_all(held);
}

/// The result of choosing pages.
#[expect(
    clippy::large_enum_variant,
    reason = "where frames run short, there is none for a box"
)]
enum Chosen {
    /// These pages are evicted: some frames may be free already, and some pages must be written.
    Pages(Reclaimed<'static, Machine>),
    /// Other threads have freed frames, or are writing pages. The ticket was drawn before it was
    /// checked that their writes have not ended.
    Others(Option<Ticket>),
    /// No page can be evicted.
    Nothing,
}

/// Makes `mm` choose pages to evict, unless other threads have freed enough frames meanwhile.
fn choose(held: &mut Held<level::Standstill>) -> Chosen {
    let before = memory().frames_wanted();
    let mut turn = TURN.lock(held);
    let (lent_in, held) = turn.parts();
    if memory().frames_wanted() + FREED_MEANWHILE <= before {
        return Chosen::Others(None);
    }
    let ticket = WRITTEN.ticket();
    let others_write = ON_THEIR_WAY_OUT.load(Ordering::SeqCst) != 0;
    let mut work = memory().reclaim(mm::ROUND as u64);
    let clock = memory().turns_of_clock();
    if clock != *lent_in || work.freed == 0 && work.leaving() == 0 {
        *lent_in = clock;
        work.freed += lend_idle_tables(held);
    }
    ON_THEIR_WAY_OUT.fetch_add(work.leaving(), Ordering::SeqCst);
    if work.freed != 0 || work.leaving() != 0 {
        Chosen::Pages(work)
    } else if others_write {
        Chosen::Others(Some(ticket))
    } else {
        Chosen::Nothing
    }
}

/// Lends the idle page tables of all processes. Returns how many frames that freed.
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

/// Writes the pages that a round has chosen. Pages of files are written at once; other pages are
/// queued behind earlier writes, some of which may end meanwhile.
fn write(
    work: Reclaimed<'static, Machine>,
    writes: &mut Writes,
    held: &mut Held<level::Standstill>,
) -> Round {
    let mut round = Round {
        freed: work.freed,
        ..Round::default()
    };
    round.add(writes.begin(work.writes, held));
    if !work.dirty.is_empty() {
        // The thread that holds the file system's lock may be waiting for these writes.
        round.add(writes.end_all(held));
    }
    for page in work.dirty {
        // The error has been printed.
        let result = cached::evict(page, held).map_err(drop);
        round.add(Round::of_write(1, result));
        note_ended(1);
    }
    round
}

/// Notes that `pages` pages are no longer being written.
fn note_ended(pages: u64) {
    ON_THEIR_WAY_OUT.fetch_sub(pages, Ordering::SeqCst);
    WRITTEN.wake_all();
    // A thread may wait to store to a shared page that was being written.
    ARRIVED.wake_all();
}

/// Reads pages from swap. Returns the page that is wanted.
fn fetch(
    read: SwapIn<'static, Machine>,
    held: &mut Held<level::Standstill>,
) -> PageWait<'static, Machine> {
    let page = transfer::read(read, held);
    ARRIVED.wake_all();
    page
}

/// Makes the pager's thread. It runs once the scheduler does.
pub fn start_pager(held: &mut Held<level::Nothing>) {
    kernel_thread::make("pager", run, held);
}

/// The pager's thread.
extern "C" fn run(_: usize) -> ! {
    let mut held = kernel_thread::arrive();
    loop {
        let ticket = SHORT.ticket();
        keep_reserve(standstill::pass(&mut held).held());
        let _ = SHORT.wait(ticket, Interruptible::No, &mut held);
    }
}
