//! Locks, queues and counted objects in all (loom) or many (shuttle) interleavings.
//!
//! What a lock protects is here an atomic that is loaded and stored again, relaxed: two threads
//! inside at once lose an update, and so does, with loom, one whose lock does not order memory.

use core::cell::Cell;

use crate::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, spin_loop};
use crate::level::{Files, Processes};
use crate::mailbox::{self, Mailbox};
use crate::model::{self, Arc, Time, thread};
use crate::{Counted, Gate, Held, Interruptible, LeafLock, SleepLock, SpinLock, WaitQueue};

/// Loom explores all there is; shuttle what takes half a second or so.
fn explore(body: impl Fn() + Send + Sync + 'static) {
    #[cfg(loom)]
    model::explore(body);
    #[cfg(shuttle)]
    model::explore(5000, body);
}

/// More threads than two cost loom much.
const THREADS: usize = if cfg!(loom) { 2 } else { 4 };

fn add_one(number: &AtomicU32) {
    number.store(number.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Something that is done to a number.
type Step<'a> = &'a dyn Fn(&AtomicU32);

/// `enter` runs what it is given under a lock, on several threads.
fn excludes<L: Send + Sync + 'static>(lock: fn(AtomicU32) -> L, enter: fn(&L, Step)) {
    excludes_while(Time::StandsStill, lock, enter);
}

fn excludes_while<L: Send + Sync + 'static>(
    time: Time,
    lock: fn(AtomicU32) -> L,
    enter: fn(&L, Step),
) {
    explore(move || {
        model::install_futex_with(time);
        let lock = Arc::new(lock(AtomicU32::new(0)));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let lock = lock.clone();
                thread::spawn(move || enter(&lock, &add_one))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        enter(&lock, &|number| {
            assert_eq!(number.load(Ordering::Relaxed), THREADS as u32)
        });
    });
}

/// Finds `RawSpin::unlock` or `RawSpin::lock` made relaxed (loom), and a lock that tests before it
/// sets (both).
#[test]
fn leaf_locks_exclude() {
    excludes(LeafLock::new, |lock, body| lock.with(|number| body(number)));
}

/// As above: a guard that does not release is a deadlock.
#[test]
fn spin_locks_exclude() {
    excludes(SpinLock::<Processes, _>::new, |lock, body| {
        body(&lock.lock(&mut Held::at_start()))
    });
}

/// Threads that are overtaken. Finds a step made relaxed (loom), and a release that calls nobody
/// (both).
#[test]
fn sleep_locks_exclude_and_wake() {
    excludes(SleepLock::<Files, _>::new, |lock, body| {
        body(&lock.lock(&mut Held::at_start()))
    });
}

/// Threads that are handed the lock. Finds a release that hands it over and lets it go as well, and
/// (loom) an answer that is given relaxed.
#[test]
fn sleep_locks_exclude_when_they_are_handed_over() {
    excludes_while(Time::Flies, SleepLock::<Files, _>::new, |lock, body| {
        body(&lock.lock(&mut Held::at_start()))
    });
}

/// A thread that is killed in line leaves it, with the lock if it has just been handed over, and
/// passes a call on. Finds one that leaves the state as it was, keeps the call, or forgets that it
/// has the lock: each is a deadlock.
#[test]
fn a_killed_waiter_leaves_the_line() {
    for time in [Time::StandsStill, Time::Flies] {
        explore(move || {
            model::install_futex_with(time);
            let lock = Arc::new(SleepLock::<Files, _>::new(AtomicU32::new(0)));
            let threads: Vec<_> = (1..THREADS)
                .map(|number| {
                    let lock = lock.clone();
                    thread::spawn(move || {
                        let mut held = Held::at_start();
                        if number % 2 == 0 {
                            add_one(&lock.lock(&mut held));
                        } else if let Ok(guard) = lock.lock_unless_killed(&mut held) {
                            add_one(&guard);
                        }
                    })
                })
                .collect();
            add_one(&lock.lock(&mut Held::at_start()));
            for thread in threads {
                thread.join().unwrap();
            }
            let count = lock.lock(&mut Held::at_start()).load(Ordering::Relaxed);
            // This thread, and the others with even numbers.
            let least = THREADS.div_ceil(2) as u32;
            assert!((least..=THREADS as u32).contains(&count));
        });
    }
}

/// How often the thread in [`nobody_overtakes`] comes back.
const ROUNDS: usize = 3;

/// One thread comes back again and again, another comes once. A thread in line must not be
/// overtaken by one that comes later.
fn nobody_overtakes<L: Send + Sync + 'static>(
    lock: fn() -> L,
    waited_for: fn(&L) -> bool,
    again_and_again: fn(&L),
    once: fn(&L, &dyn Fn()),
) {
    explore(move || {
        model::install_futex_with(Time::Flies);
        let shared = Arc::new((lock(), AtomicBool::new(false)));
        let other = shared.clone();
        let waiter = thread::spawn(move || {
            let (lock, served) = &*other;
            once(lock, &|| served.store(true, Ordering::SeqCst));
        });
        let (lock, served) = &*shared;
        for _ in 0..ROUNDS {
            let in_line = waited_for(lock);
            again_and_again(lock);
            assert!(!in_line || served.load(Ordering::SeqCst), "overtaken");
        }
        waiter.join().unwrap();
    });
}

/// Finds a lock that is let go instead of handed over to a thread that has waited for long.
#[test]
fn a_sleep_lock_is_handed_over() {
    nobody_overtakes(
        || SleepLock::<Files, _>::new(()),
        SleepLock::is_waited_for,
        |lock| drop(lock.lock(&mut Held::at_start())),
        |lock, served| {
            let mut held = Held::at_start();
            let _guard = lock.lock(&mut held);
            served();
        },
    );
}

/// Finds a gate that is closed again although a thread stands in line to pass.
#[test]
fn a_gate_lets_those_pass_who_came_before() {
    nobody_overtakes(
        Gate::<Files>::new,
        Gate::is_waited_for,
        |gate| drop(gate.close(&mut Held::at_start())),
        |gate, served| {
            let mut held = Held::at_start();
            let _inside = gate.pass(&mut held);
            served();
        },
    );
}

/// Finds a gate that is passed although a thread stands in line to close it.
#[test]
fn a_gate_lets_those_close_who_came_before() {
    nobody_overtakes(
        Gate::<Files>::new,
        Gate::is_waited_for,
        |gate| drop(gate.pass(&mut Held::at_start())),
        |gate, served| {
            let mut held = Held::at_start();
            let _alone = gate.close(&mut held);
            served();
        },
    );
}

/// A thread inside never sees a half-done change of the thread that closed the gate, and no change
/// is lost. Finds a close that does not wait, a last thread inside or an opening that wakes no
/// thread, and (loom) any step of the gate made relaxed.
#[test]
fn a_closed_gate_excludes() {
    explore(|| {
        model::install_futex();
        let (changes, half_done) = (AtomicU32::new(0), AtomicBool::new(false));
        let shared = Arc::new((Gate::<Files>::new(), changes, half_done));
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let shared = shared.clone();
                thread::spawn(move || {
                    let (gate, changes, half_done) = &*shared;
                    let mut held = Held::at_start();
                    if number % 2 == 0 {
                        let _alone = gate.close(&mut held);
                        half_done.store(true, Ordering::Relaxed);
                        add_one(changes);
                        half_done.store(false, Ordering::Relaxed);
                    } else {
                        let _inside = gate.pass(&mut held);
                        assert!(!half_done.load(Ordering::Relaxed));
                        changes.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(shared.1.load(Ordering::Relaxed), THREADS as u32);
    });
}

/// Finds a wake-up before the news is published, a queue that counts no event, and (loom) events
/// counted relaxed.
#[test]
fn no_wake_up_is_lost() {
    explore(|| {
        model::install_futex();
        let shared = Arc::new((WaitQueue::new(), AtomicBool::new(false)));
        let waiters: Vec<_> = (1..THREADS)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || {
                    let (queue, happened) = &*shared;
                    let mut held = Held::at_start();
                    loop {
                        let ticket = queue.ticket();
                        if happened.load(Ordering::Relaxed) {
                            break;
                        }
                        let _ = queue.wait(ticket, Interruptible::No, &mut held);
                    }
                })
            })
            .collect();
        let (queue, happened) = &*shared;
        happened.store(true, Ordering::Relaxed);
        queue.wake_all();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

/// A value that notes what was done to it, and how often it was dropped.
struct Noted {
    uses: AtomicU32,
    drops: Arc<AtomicUsize>,
}

impl Drop for Noted {
    fn drop(&mut self) {
        assert_eq!(
            self.uses.load(Ordering::Relaxed),
            THREADS as u32,
            "the last one sees what all did"
        );
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

fn gives_up(how: fn(Counted<Noted>)) {
    explore(move || {
        let drops = Arc::new(AtomicUsize::new(0));
        let value = Noted {
            uses: AtomicU32::new(0),
            drops: drops.clone(),
        };
        let first = Counted::try_new(value).unwrap();
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let handle = first.clone();
                thread::spawn(move || {
                    handle.uses.fetch_add(1, Ordering::Relaxed);
                    how(handle);
                })
            })
            .collect();
        how(first);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// Finds a count that is read again after it was lowered, and (loom) a release made relaxed or a
/// fence left out.
#[test]
fn the_last_handle_drops_once() {
    gives_up(drop);
}

/// As above, for the other way to give a handle up.
#[test]
fn the_last_handle_gets_the_value_once() {
    gives_up(|handle| drop(handle.into_inner()));
}

/// Two harts.
struct Pair {
    mailboxes: [Mailbox; 2],
    /// What each has stored before it asks.
    before: [AtomicU32; 2],
    /// What each found of the other when it acted.
    found: [AtomicU32; 2],
}

/// Hart `me` asks the other and serves it. It acts after what the other stored before it asked, and
/// goes on only when the other has acted.
fn ask_the_other(pair: &Pair, me: usize) {
    let other = 1 - me;
    let served = Cell::new(false);
    let mut act = |words| {
        assert_eq!(words, [other as u64, 10, 20]);
        let found = pair.before[other].load(Ordering::Relaxed);
        pair.found[me].store(found, Ordering::Relaxed);
        served.set(true);
    };
    pair.before[me].store(1, Ordering::Relaxed);
    let words = [me as u64, 10, 20];
    mailbox::ask(
        &pair.mailboxes,
        me,
        1 << other,
        words,
        |_| (),
        &mut act,
        || (),
    );
    assert_eq!(pair.found[other].load(Ordering::Relaxed), 1);
    while !served.get() {
        mailbox::serve(&pair.mailboxes, me, &mut act);
        spin_loop();
    }
}

/// Each hart acts after what the other stored before it asked, and neither goes on before the other
/// has acted.
#[test]
fn harts_that_ask_each_other_are_answered() {
    explore(|| {
        let pair = Arc::new(Pair {
            mailboxes: [Mailbox::empty(), Mailbox::empty()],
            before: [AtomicU32::new(0), AtomicU32::new(0)],
            found: [AtomicU32::new(0), AtomicU32::new(0)],
        });
        let other = pair.clone();
        let thread = thread::spawn(move || ask_the_other(&other, 1));
        ask_the_other(&pair, 0);
        thread.join().unwrap();
    });
}
