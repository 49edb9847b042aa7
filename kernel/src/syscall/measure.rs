//! System calls that report on memory and processes.

use abi::{MEM_COUNTERS, PROC_COUNTERS, PROC_WORDS, PageInfo};
use mm::addr::{PageNo, PageRange, VirtAddr};
use mm::pt::UserRange;
use mm::space::PageCounts;
use sync::Counted;
use zerocopy::IntoBytes;

use super::{Answer, Call, Failed};
use crate::arch::Machine;
use crate::memory::memory;
use crate::process::{self, Caller, Process, Space};
use crate::user_memory::UserSlice;

/// How many pages are described under one hold of the space's lock.
const BATCH: usize = 64;

const WORD: u64 = size_of::<u64>() as u64;

type Format = <Machine as mm::Machine>::Format;

/// Returns the process `pid`, or the caller's own for 0.
fn named(caller: &mut Caller, pid: i32) -> Result<Counted<Process>, Failed> {
    match pid {
        0 => Ok(caller.thread.process.clone()),
        _ => process::find(pid, &mut caller.held).ok_or(Failed),
    }
}

/// Runs `look` on the address space of process `pid`, or on the caller's own for 0.
fn with_space<R>(
    caller: &mut Caller,
    pid: i32,
    look: impl FnOnce(&mut Space) -> R,
) -> Result<R, Failed> {
    let process = named(caller, pid)?;
    let mut space = process.space.lock(&mut caller.held);
    Ok(look(space.as_mut().ok_or(Failed)?))
}

/// Writes as many of `words` as `room` allows. Returns how many words there are in all.
fn tell(caller: &mut Caller, out: u64, room: u64, words: &[u64]) -> Answer {
    let told = words.len().min(room.try_into().unwrap_or(usize::MAX));
    let bytes = words[..told].as_bytes();
    UserSlice::new(out, bytes.len()).write(0, bytes, caller)?;
    Ok(words.len() as u64)
}

pub fn memstat(call: &mut Call, out: u64, count: u64) -> Answer {
    let counters: [u64; MEM_COUNTERS] = memory().stats();
    tell(&mut call.caller, out, count, &counters)
}

pub fn procstat(call: &mut Call, pid: i32, out: u64, count: u64) -> Answer {
    let caller = &mut call.caller;
    let process = named(caller, pid)?;
    let mut words = [0; PROC_WORDS];
    let (counters, facts) = words.split_at_mut(PROC_COUNTERS);
    counters.copy_from_slice(&usage(&process, caller)?);
    facts.copy_from_slice(&process::describe(&process, &mut caller.held).to_words());
    tell(caller, out, count, &words)
}

/// Counts the memory of `process`. All counters are 0 if it has ended.
///
/// The count is done in parts, with the lock of the space released in between, because a thread of
/// the process may be waiting for the lock to resolve a page fault.
fn usage(process: &Process, caller: &mut Caller) -> Result<[u64; PROC_COUNTERS], Failed> {
    let mut pages = PageCounts::new();
    while !caller.process().is_killed() {
        let mut space = process.space.lock(&mut caller.held);
        let Some(space) = space.as_mut() else {
            return Ok([0; PROC_COUNTERS]);
        };
        if space.count_pages(&mut pages) {
            return Ok(space.usage_with(&pages));
        }
    }
    Err(Failed)
}

/// Returns how many pages were described: `count`, or fewer if the caller was killed meanwhile. A
/// range that leaves the user half is refused.
pub fn pageinfo(call: &mut Call, pid: i32, address: u64, count: u64, out: u64) -> Answer {
    let caller = &mut call.caller;
    let first = VirtAddr(address).page();
    let end = PageNo(first.0.checked_add(count).ok_or(Failed)?);
    let mut left = UserRange::new::<Format>(PageRange::new(first, end)).ok_or(Failed)?;
    let mut at = out;
    while !left.is_empty() && !caller.process().is_killed() {
        let batch = left.below(left.start.plus(BATCH as u64));
        let mut infos = [PageInfo(0); BATCH];
        with_space(caller, pid, |space| space.page_infos(batch, &mut infos))?;
        let words = infos.map(|info| info.0);
        tell(caller, at, batch.len(), &words[..batch.len() as usize])?;
        at = at.wrapping_add(batch.len() * WORD);
        left = left.from(batch.end);
    }
    Ok(left.start.0 - first.0)
}
