//! The test's side of the model checker that this build is for (see [`crate::atomic`]): its threads
//! and locks, a scheduler for this crate's locks to sleep by, and [`explore`].
//!
//! Invariant: nothing that a checker watches outlives one execution of the test.

#[cfg(loom)]
use loom as checker;
#[cfg(shuttle)]
use shuttle as checker;

pub use checker::sync::{Arc, Condvar, Mutex};
pub use checker::thread;

use crate::atomic::{AtomicU32, Ordering};
use crate::{Interruptible, Scheduler, Waiter, Wake, install_scheduler};

/// Runs `body` in every interleaving that a few pre-emptions produce, with every value that weak
/// memory lets a load return.
///
/// With `LOOM_LOG=trace LOOM_LOCATION=1` in the environment, a failure is explained.
#[cfg(loom)]
pub fn explore(body: impl Fn() + Send + Sync + 'static) {
    /// The most pre-emptions, not counting those of threads that wait. Most faults need one or two
    /// (Musuvathi and Qadeer, "Iterative Context Bounding", PLDI 2007).
    const PREEMPTIONS: usize = 3;
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.check(body);
}

/// Runs `body` in `executions` interleavings drawn at random, and in as many again that place a few
/// pre-emptions where they matter (Burckhardt and others, "A Randomized Scheduler with
/// Probabilistic Guarantees of Finding Bugs", ASPLOS 2010).
///
/// The draw is fixed unless `SHUTTLE_RANDOM_SEED` names another seed. A failure prints its
/// schedule; to replay it, run that one test with the schedule in `COWSLIP_SCHEDULE`.
#[cfg(shuttle)]
pub fn explore(executions: usize, body: impl Fn() + Send + Sync + 'static) {
    use shuttle::scheduler::{PctScheduler, RandomScheduler};
    use shuttle::{Config, Runner};

    const SEED: u64 = 0xc0;
    /// One more than the number of pre-emptions that are placed on purpose.
    const DEPTH: usize = 3;
    if let Ok(schedule) = std::env::var("COWSLIP_SCHEDULE") {
        return shuttle::replay(body, &schedule);
    }
    let body = std::sync::Arc::new(body);
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    config.silence_warnings = true;
    // A failed test stops at once: other threads would go on with broken state.
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

/// The smallest scheduler that sleep locks and queues can wait by. It never wakes a thread that it
/// was not told to wake, so code that relies on spurious wake-ups is found asleep.
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

/// The speed of the model's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// The clock stands still, so no thread has waited for long.
    StandsStill,
    /// Each look at the clock finds it an hour later, so every thread has waited for long.
    Flies,
}

std::thread_local! {
    // A checker runs all threads of an execution on one thread of the host, so this value belongs
    // to the test.
    static CLOCK: std::cell::Cell<(u64, u64)> = const { std::cell::Cell::new((0, 0)) };
}

/// Installs the checker as the scheduler of locks, with a clock of this speed. Called first in an
/// execution.
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

/// Installs the checker as the scheduler of locks, with a clock that stands still. Called first in
/// an execution.
pub fn install_futex() {
    install_futex_with(Time::StandsStill);
}

impl Scheduler for Futex {
    /// An interruptible wait is interrupted at once, as if the process had been killed.
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

    /// All threads of a checker find the same memory on each other's stacks.
    fn lend_waiter(&self, body: &mut dyn FnMut(&Waiter)) {
        body(&Waiter::new());
    }

    fn wake_one(&self, word: *const AtomicU32) {
        wake(word, 1);
    }

    fn wake_all(&self, word: *const AtomicU32) {
        wake(word, usize::MAX);
    }
}

/// Wakes at most `most` threads that wait on `word`, in the order in which they came.
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
