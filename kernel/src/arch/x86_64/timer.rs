//! The clock and the timer of each hart.
//!
//! The clock is the processor's time-stamp counter, which programs may read. How fast it and the
//! local controllers' timers run is measured once, against the power-management timer of ACPI,
//! which always runs at the same frequency (ACPI 6.5, section 4.8.3.3).

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::instructions::port::PortReadOnly;

use super::apic;
use super::features::{Features, has};
use super::hart::{hart, this};
use super::vector::TIMER;
use crate::{stretch, time};

/// Increments of the power-management timer per second.
const REFERENCE_FREQUENCY: u64 = 3_579_545;
/// The length of the measurement, in its increments: 20 ms.
const MEASURED: u32 = (REFERENCE_FREQUENCY / 50) as u32;
/// The timer has at least 24 bits.
const REFERENCE_MASK: u32 = 0xff_ffff;

static CLOCK_FREQUENCY: AtomicU64 = AtomicU64::new(0);
static TIMER_FREQUENCY: AtomicU64 = AtomicU64::new(0);

/// Returns the time-stamp counter, which counts at the board's timebase frequency.
#[inline]
pub fn now() -> u64 {
    // SAFETY: reads a counter.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Measures the speeds of the clock and the timer. Returns the clock's frequency. Called once by
/// the boot hart, whose local controller is on.
pub(super) fn measure(reference: u16) -> u64 {
    let mut port = PortReadOnly::<u32>::new(reference);
    // SAFETY: the port of the power-management timer, by ACPI's tables; reading changes nothing.
    let mut read = || unsafe { port.read() } & REFERENCE_MASK;
    apic::start_counting();
    let begin = Sample::take(&mut read);
    while read().wrapping_sub(begin.reference) & REFERENCE_MASK < MEASURED {}
    let end = Sample::take(&mut read);
    let passed = end.reference.wrapping_sub(begin.reference) & REFERENCE_MASK;
    let (clock, timer) = (end.clock - begin.clock, end.timer - begin.timer);
    let frequency = |count: u64| count * REFERENCE_FREQUENCY / u64::from(passed);
    TIMER_FREQUENCY.store(frequency(timer.into()).max(1), Ordering::Relaxed);
    let frequency = frequency(clock).max(1);
    CLOCK_FREQUENCY.store(frequency, Ordering::Relaxed);
    frequency
}

/// The three counters at about one moment.
struct Sample {
    reference: u32,
    clock: u64,
    timer: u32,
}

impl Sample {
    /// Reads the counters. A host may stop the machine between two of the reads, so of several
    /// tries the one counts that took the shortest time.
    fn take(read: &mut impl FnMut() -> u32) -> Self {
        const TRIES: usize = 8;
        let mut shortest = u64::MAX;
        let mut best = Self {
            reference: 0,
            clock: 0,
            timer: 0,
        };
        for _ in 0..TRIES {
            let clock = now();
            let (reference, timer) = (read(), apic::counted());
            let took = now() - clock;
            if took < shortest {
                shortest = took;
                best = Self {
                    reference,
                    clock,
                    timer,
                };
            }
        }
        best
    }
}

/// Starts the alarms of this hart.
pub fn start_timer() {
    apic::enable_timer(TIMER);
    set_next();
}

/// Handles an alarm: sets the next one and, on the hart that keeps the time, wakes the threads that
/// wait for a tick. Returns whether a new slice has begun.
pub(super) fn alarm() -> bool {
    let due = this().alarm.load(Ordering::Relaxed);
    stretch::note(now().saturating_sub(due));
    set_next();
    let slice = time::slices();
    let before = this().slice.swap(slice, Ordering::Relaxed);
    if hart() == 0 && time::tick_of_slice(slice) != time::tick_of_slice(before) {
        time::TICK.wake_all();
    }
    slice != before
}

fn set_next() {
    let deadline = time::next_alarm();
    this().alarm.store(deadline, Ordering::Relaxed);
    if has(Features::TSC_DEADLINE) {
        apic::set_deadline(deadline);
        return;
    }
    let distance = u128::from(deadline.saturating_sub(now()));
    let [timer, clock] = [&TIMER_FREQUENCY, &CLOCK_FREQUENCY]
        .map(|frequency| u128::from(frequency.load(Ordering::Relaxed)));
    // One more, so that the time is reached when the interrupt comes. 0 would stop the timer.
    let count = (distance * timer / clock.max(1) + 1).min(u32::MAX.into());
    apic::set_count(count as u32);
}
