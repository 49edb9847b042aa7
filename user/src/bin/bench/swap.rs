//! How fast pages go to swap and come back, when memory is walked through from its beginning to its
//! end.
//!
//! Figures are pages per second of guest time, so they say something only where that is not
//! `-icount`'s. Compare them with what the disk itself does in the same run, which the kernel
//! prints with the option `test=swapdisk`, and with what a first touch costs where nothing is
//! swapped: in an emulator that is most of it.

use abi::MemCounter;
use user::memory::{Promise, SystemCounters};
use user::region::Region;
use user::testing::measure::Since;
use user::testing::outcome::{Outcome, ensure};
use user::{arch, println};

/// Twice as many pages as there are frames are written, and read again.
pub fn measure() -> Outcome {
    let counters = SystemCounters::now()?;
    let (frames, slots) = (
        counters[MemCounter::Frames],
        counters[MemCounter::SwapSlots],
    );
    // Where slots are few, pages that came back give theirs up, which is not what is measured.
    let pages = (2 * frames).min(slots - slots / 6);
    ensure!(
        pages > frames + frames / 2,
        "expected more than {} slots of swap for {frames} frames, saw {slots}",
        frames + frames / 2
    );
    // An emulator finds memory for a frame when the frame is first used, which takes longer than
    // all that is measured here.
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

/// How fast pages are touched for the first time while there is memory for them: no page can go to
/// swap faster.
fn touch(pages: usize) -> Outcome<u64> {
    let region = Region::new(pages, Promise::Eager)?;
    rate(MemCounter::ZeroFaults, || {
        (0..region.pages()).for_each(|page| region.write(page, 1));
    })
}

/// How often per second `counter` goes up while `work` is done.
fn rate(counter: MemCounter, work: impl FnOnce()) -> Outcome<u64> {
    let frequency = arch::time_frequency()?;
    let counted = Since::now()?;
    let begin = arch::time();
    work();
    let elapsed = (arch::time() - begin).max(1);
    Ok(counted.rise(counter)? as u64 * frequency / elapsed)
}
