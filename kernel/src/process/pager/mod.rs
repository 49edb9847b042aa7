//! The kernel's part in paging: `mm` decides what goes and what comes, this transfers it, and
//! whoever must wait waits here.
//!
//! Frames run short in the background first: the *pager*, a thread of the kernel's own, is woken
//! when few are left and evicts until there is a reserve. A fault that finds none evicts for itself
//! ([`relieve`]), and [`mm::Retry`], which states who may be told that there is no memory and after
//! what, says whether to try again. Pages come in in the thread that needs them.
//!
//! Invariants: everything here happens inside the gate of [`standstill`], so that an audit never
//! meets a page half-way out; a token of `mm` outlives the transfer that it stands for. Neighbours:
//! [`super::fault`] waits; [`transfer`] has [`crate::device::block::swap`], the disk, do it.

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

/// A round that had to wait for its turn does nothing if so many frames were made free meanwhile.
const FREED_MEANWHILE: u64 = 32;

/// A page has come, or could not be read; or one of a file has been written back, so that it can be
/// stored to.
static ARRIVED: WaitQueue = WaitQueue::new();
/// A write has ended.
static WRITTEN: WaitQueue = WaitQueue::new();
/// Pages that a round has chosen and that are not written yet. More only under the lock of
/// [`TURN`].
static ON_THEIR_WAY_OUT: AtomicU64 = AtomicU64::new(0);
/// Whoever chooses what goes does so alone: harts that walk the same families at once would only
/// wait for each other, spinning. Inside is in which turn of the clock idle page tables were last
/// lent.
static TURN: SleepLock<level::Reclaim, u64> = SleepLock::new(0);
/// Frames run short.
static SHORT: WaitQueue = WaitQueue::new();

/// Does what a fault waits for. The page, if it is one, is to be held until the fault has been
/// tried again. `retry` is the fault's own.
///
/// # Errors
/// There is no frame and none can be made free ([`Retry`]), or no such page of a file, or it cannot
/// be read.
pub fn wait(
    wait: Wait<'static, Machine>,
    retry: &mut Retry,
    held: &mut Held<level::Nothing>,
) -> Result<Option<PageWait<'static, Machine>>, CopyFailure> {
    if !matches!(wait, Wait::Frames) {
        // There was a frame.
        *retry = Retry::new();
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
        Wait::Frames => {
            let round = relieve(standstill::pass(held).held());
            retry
                .after(round)
                .map_err(|NoFrame| CopyFailure::NoMemory)?;
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
    let mut retry = Retry::new();
    loop {
        let result = attempt(held);
        let short = result.as_ref().is_err_and(Shortage::is_of_frames);
        if !short || retry.after(relieve(held)).is_err() {
            return result;
        }
    }
}

/// Does a round of reclaim for somebody who waits for it.
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

/// Makes frames free until there is a reserve, or nobody can. While some pages are being written,
/// the next are chosen.
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
                // The only writes may be its own.
                Chosen::Others(Some(_)) if !writes.is_empty() => writes.end_oldest(held),
                Chosen::Others(Some(ticket)) => {
                    let _ = WRITTEN.wait(ticket, Interruptible::No, held);
                    Round::of_others()
                }
                Chosen::Others(None) => Round::of_others(),
                Chosen::Nothing => break,
            }
        };
        // Transfers that have only begun say nothing yet.
        if round != Round::default() && retry.after(round).is_err() {
            break;
        }
    }
    writes.end_all(held);
}

/// What is to be done for free frames.
#[expect(
    clippy::large_enum_variant,
    reason = "where frames run short, there is none for a box"
)]
enum Chosen {
    /// These pages go, if any must be written, and some frames may be free already.
    Pages(Reclaimed<'static, Machine>),
    /// Others have made frames free, or will when a write of theirs ends: one that has not ended
    /// when this ticket was drawn.
    Others(Option<Ticket>),
    /// Nothing can go.
    Nothing,
}

/// Has `mm` choose what goes, unless somebody has made room while that was being waited for.
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

/// Writes what a round has chosen: pages of files at once, others behind earlier writes, some of
/// which may end meanwhile.
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
        // Whoever has the file system may be waiting for them.
        round.add(writes.end_all(held));
    }
    for page in work.dirty {
        // An error has been told to people.
        let result = cached::evict(page, held).map_err(drop);
        round.add(Round::of_write(1, result));
        note_ended(1);
    }
    round
}

/// Says that so many pages are being written no longer.
fn note_ended(pages: u64) {
    ON_THEIR_WAY_OUT.fetch_sub(pages, Ordering::SeqCst);
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
    kernel_thread::make("pager", run);
}

/// The pager.
extern "C" fn run(_: usize) -> ! {
    let mut held = kernel_thread::arrive();
    loop {
        let ticket = SHORT.ticket();
        keep_reserve(standstill::pass(&mut held).held());
        let _ = SHORT.wait(ticket, Interruptible::No, &mut held);
    }
}
