//! Requests that a hart makes of other harts and waits for, such as fences of their TLBs.
//!
//! Each hart has a [`Mailbox`] with one request of its own. It writes the request, announces it to
//! the harts concerned by a bit in each one's inbox, and waits for them ([`ask`]). A hart serves
//! what was announced to it ([`serve`]) when it is interrupted, wherever it spins, and while it
//! waits for its own request. So two harts that ask each other with interrupts off both proceed,
//! and so does a hart that waits for a lock whose holder asks.
//!
//! Invariants:
//! - Only the hart itself writes its request, and only while nobody is to serve it.
//! - When [`ask`] returns, every hart that was asked has acted, after everything that the asking
//!   hart stored before it asked.
//! - A hart that asks waits as long as the slowest of the others runs without interrupts and
//!   without spinning.
//!
//! Neighbours: the kernel's `fence.rs` where fences are interrupts, and [`crate::relax()`], which
//! serves wherever a hart spins.

use crate::atomic::{AtomicU64, Ordering, constant, spin_loop};

/// How many words a request has.
pub const WORDS: usize = 3;

/// A hart's own request, and the requests that were announced to it.
///
/// The two are in different cache lines, because other harts write the inbox while the hart waits
/// for its request.
pub struct Mailbox {
    inbox: Inbox,
    request: Request,
}

/// The requests announced to a hart: one bit for each hart that asks.
#[repr(align(64))]
struct Inbox(AtomicU64);

#[repr(align(64))]
struct Request {
    words: [AtomicU64; WORDS],
    /// The harts that have not served it: one bit for each.
    waiting: AtomicU64,
}

impl Mailbox {
    constant! {
        /// Returns the mailbox of a hart that asks for nothing.
        pub const fn empty() -> Self {
            Self {
                inbox: Inbox(AtomicU64::new(0)),
                request: Request {
                    words: [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)],
                    waiting: AtomicU64::new(0),
                },
            }
        }
    }
}

/// Returns whether anything was announced to hart `me`. The answer may be late.
#[inline]
pub fn has_mail(mailboxes: &[Mailbox], me: usize) -> bool {
    mailboxes[me].inbox.0.load(Ordering::Relaxed) != 0
}

/// Calls `act` with each request announced to hart `me`. The caller runs on that hart with
/// interrupts off.
pub fn serve(mailboxes: &[Mailbox], me: usize, mut act: impl FnMut([u64; WORDS])) {
    // Acquire: the request was written before it was announced.
    let mut from = mailboxes[me].inbox.0.swap(0, Ordering::Acquire);
    while from != 0 {
        let request = &mailboxes[from.trailing_zeros() as usize].request;
        from &= from - 1;
        act(core::array::from_fn(|index| {
            request.words[index].load(Ordering::Relaxed)
        }));
        // Release: this hart has acted before the one that asks goes on.
        request.waiting.fetch_and(!(1 << me), Ordering::Release);
    }
}

/// Asks the harts in the set `others` to act on `words`, and returns when all have. The caller runs
/// on hart `me`, which is not in the set, with interrupts off.
///
/// `notify` interrupts a hart; `act` is what this hart does for others meanwhile, and `pause` what
/// it does in each turn of the wait.
pub fn ask(
    mailboxes: &[Mailbox],
    me: usize,
    others: u64,
    words: [u64; WORDS],
    mut notify: impl FnMut(usize),
    mut act: impl FnMut([u64; WORDS]),
    mut pause: impl FnMut(),
) {
    let request = &mailboxes[me].request;
    for (place, word) in request.words.iter().zip(words) {
        place.store(word, Ordering::Relaxed);
    }
    request.waiting.store(others, Ordering::Relaxed);
    let mut left = others;
    while left != 0 {
        let hart = left.trailing_zeros() as usize;
        left &= left - 1;
        // Release: a hart that finds the bit also finds the request, and what was stored before it.
        let before = mailboxes[hart].inbox.0.fetch_or(1 << me, Ordering::SeqCst);
        if before == 0 {
            notify(hart);
        }
    }
    while request.waiting.load(Ordering::Acquire) != 0 {
        serve(mailboxes, me, &mut act);
        pause();
        spin_loop();
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Barrier};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Far longer than the harts need, because only a failure waits so long.
    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn mistake_40_harts_that_ask_each_other_both_go_on() {
        let mailboxes = Arc::new([const { Mailbox::empty() }; 2]);
        let announced = Arc::new(Barrier::new(2));
        let (end, ended) = channel();
        for me in 0..2 {
            let (mailboxes, announced, end) = (mailboxes.clone(), announced.clone(), end.clone());
            // The threads are not joined, because with the mistake they never end.
            thread::spawn(move || {
                let mut told = None;
                ask(
                    &*mailboxes,
                    me,
                    1 << (1 - me),
                    [me as u64, 10, 20],
                    // Neither waits before both have announced.
                    |_| {
                        announced.wait();
                    },
                    |words| told = Some(words),
                    thread::yield_now,
                );
                // The other may have been served by the last look, or not yet.
                while told.is_none() {
                    serve(&*mailboxes, me, |words| told = Some(words));
                }
                end.send((me, told)).expect("the test waits");
            });
        }
        for _ in 0..2 {
            let (me, told) = ended.recv_timeout(LIMIT).expect("both harts wait");
            assert_eq!(told, Some([1 - me as u64, 10, 20]));
        }
    }
}
