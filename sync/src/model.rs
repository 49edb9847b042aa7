//! What a test needs of the model checker this build is for (see [`crate::atomic`]): threads, locks of its own, a
//! scheduler to sleep by, and [`explore`].
//!
//! Invariant: every execution begins anew, so nothing that a checker watches outlives one.

#[cfg(loom)]
use loom as checker;
#[cfg(shuttle)]
use shuttle as checker;

pub use checker::sync::{Arc, Condvar, Mutex};
pub use checker::thread;

use crate::atomic::{AtomicU32, Ordering};
use crate::{Interruptible, Scheduler, Wake, install_scheduler};

/// Runs `body` in every interleaving that a few pre-emptions make, with every value that weak memory lets a load
/// see.
///
/// `LOOM_LOG=trace LOOM_LOCATION=1` has a failure explained.
#[cfg(loom)]
pub fn explore(body: impl Fn() + Send + Sync + 'static) {
    /// Pre-emptions beyond those of threads that wait. Most mistakes need one or two (Musuvathi and Qadeer,
    /// "Iterative Context Bounding", PLDI 2007).
    const PREEMPTIONS: usize = 3;
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.check(body);
}

/// Runs `body` in as many interleavings drawn at random, and as many again that favour few pre-emptions at places that matter
/// (Burckhardt and others, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010).
///
/// The draw is the same every time, unless `SHUTTLE_RANDOM_SEED` names another. A failure prints its schedule, and
/// `COWSLIP_SCHEDULE` replays it if the same test alone is run.
#[cfg(shuttle)]
pub fn explore(executions: usize, body: impl Fn() + Send + Sync + 'static) {
    use shuttle::scheduler::{PctScheduler, RandomScheduler};
    use shuttle::{Config, Runner};

    const SEED: u64 = 0xc0;
    /// One more than the pre-emptions placed on purpose.
    const DEPTH: usize = 3;
    if let Ok(schedule) = std::env::var("COWSLIP_SCHEDULE") {
        return shuttle::replay(body, &schedule);
    }
    let body = std::sync::Arc::new(body);
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    config.silence_warnings = true;
    // A failed test is not run on by others that trust what it left behind.
    config
        .ungraceful_shutdown_config
        .immediately_return_on_panic = true;
    let run = body.clone();
    Runner::new(
        RandomScheduler::new_from_seed(SEED, executions),
        config.clone(),
    )
    .run(move || run());
    Runner::new(PctScheduler::new_from_seed(SEED, DEPTH, executions), config).run(move || body());
}

/// What sleep locks and queues wait by: the scheduler's part in its smallest form. It wakes exactly those it is told to,
/// and nobody early, so that whoever relies on more is found asleep.
struct Futex;

struct Sleeper {
    word: usize,
    number: usize,
}

#[derive(Default)]
struct Sleepers {
    all: Vec<Sleeper>,
    next: usize,
}

checker::lazy_static! {
    static ref SLEEPERS: Mutex<Sleepers> = Mutex::new(Sleepers::default());
    static ref CHANGED: Condvar = Condvar::new();
}

/// How the clock of the model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// It stands still, so no thread has waited for long.
    StandsStill,
    /// Every look at the clock finds it an hour later, so every thread has waited for long.
    Flies,
}

std::thread_local! {
    // A checker runs all threads of an execution on the one that explores, so this belongs to the
    // test.
    static CLOCK: std::cell::Cell<(u64, u64)> = const { std::cell::Cell::new((0, 0)) };
}

/// Has locks sleep by the checker, and tell the time so. To be called first in an execution.
pub fn install_futex_with(time: Time) {
    static FUTEX: &dyn Scheduler = &Futex;
    const HOUR: u64 = 3_600_000;
    CLOCK.set((
        0,
        match time {
            Time::StandsStill => 0,
            Time::Flies => HOUR,
        },
    ));
    install_scheduler(&FUTEX);
}

/// Has locks sleep by the checker, and time stand still. To be called first in an execution.
pub fn install_futex() {
    install_futex_with(Time::StandsStill);
}

impl Scheduler for Futex {
    /// Whoever can be killed has been.
    fn wait(&self, word: &AtomicU32, expected: u32, how: Interruptible) -> Wake {
        if how == Interruptible::Yes {
            return Wake::Interrupted;
        }
        let mut sleepers = SLEEPERS.lock().expect("nobody fails with this lock");
        if word.load(Ordering::SeqCst) == expected {
            let number = sleepers.next;
            sleepers.next += 1;
            let word = core::ptr::from_ref(word).addr();
            sleepers.all.push(Sleeper { word, number });
            while sleepers.all.iter().any(|other| other.number == number) {
                sleepers = CHANGED.wait(sleepers).expect("as above");
            }
        }
        Wake::Woken
    }

    fn milliseconds(&self) -> u64 {
        let (now, step) = CLOCK.get();
        CLOCK.set((now + step, step));
        now
    }

    fn wake_one(&self, word: *const AtomicU32) {
        wake(word, 1);
    }

    fn wake_all(&self, word: *const AtomicU32) {
        wake(word, usize::MAX);
    }
}

/// Wakes at most `most` of those who wait on `word`, those first that came first.
fn wake(word: *const AtomicU32, most: usize) {
    let word = word.addr();
    let mut sleepers = SLEEPERS.lock().expect("as above");
    let mut left = most;
    sleepers.all.retain(|sleeper| {
        let woken = sleeper.word == word && left > 0;
        left -= usize::from(woken);
        !woken
    });
    CHANGED.notify_all();
}
