//! How fast pages go to swap and come back, when a process walks through its memory from beginning
//! to end.
//!
//! Figures are pages per second of guest time, so they mean something only if guest time is not
//! `-icount`'s. Two figures of the same run are to be compared with them: what the disk itself
//! does, which the kernel prints with the option `test=swapdisk`, and what a first touch costs
//! without swapping, which is most of the cost in an emulator.

use abi::MemCounter;
use user::memory::{Promise, SystemCounters};
use user::region::Region;
use user::testing::measure::Since;
use user::testing::outcome::{Outcome, ensure};
use user::{arch, println};

/// Writes twice as many pages as there are frames, and reads them again.
pub fn measure() -> Outcome {
    let counters = SystemCounters::now()?;
    let (frames, slots) = (
        counters[MemCounter::Frames],
        counters[MemCounter::SwapSlots],
    );
    // If slots are few, pages that came back give their slots up, and that is not measured here.
    let pages = (2 * frames).min(slots - slots / 6);
    ensure!(
        pages > frames + frames / 2,
        "expected more than {} slots of swap for {frames} frames, saw {slots}",
        frames + frames / 2
    );
    // An emulator finds memory for a frame when the frame is first used. That takes longer than
    // everything that is measured here.
    touch((counters.available() - frames / 16) as usize)?;
    let fresh = touch(frames as usize / 2)?;
    println!("bench touch {fresh} pages/s");
    let region = Region::new(pages as usize, Promise::Eager)?;
    let out = rate(MemCounter::SwapOuts, || {
        (0..region.pages()).for_each(|page| region.write(page, 1));
    })?;
    println!("bench swap-out {out} pages/s");
    let back = rate(MemCounter::SwapIns, || {
        (0..region.pages()).for_each(|page| {
            region.read(page);
        });
    })?;
    println!("bench swap-in {back} pages/s");
    Ok(())
}

/// Returns how fast pages are touched for the first time while there is memory for them. No page
/// can go to swap faster.
fn touch(pages: usize) -> Outcome<u64> {
    let region = Region::new(pages, Promise::Eager)?;
    rate(MemCounter::ZeroFaults, || {
        (0..region.pages()).for_each(|page| region.write(page, 1));
    })
}

/// Returns how often per second `counter` goes up during `work`.
fn rate(counter: MemCounter, work: impl FnOnce()) -> Outcome<u64> {
    let frequency = arch::time_frequency()?;
    let counted = Since::now()?;
    let begin = arch::time();
    work();
    let elapsed = (arch::time() - begin).max(1);
    Ok(counted.rise(counter)? as u64 * frequency / elapsed)
}
