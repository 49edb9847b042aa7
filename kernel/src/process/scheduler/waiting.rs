//! The threads that wait, found by the word they wait for.
//!
//! The threads that wait for one word form a *line*, in the order of their arrival. The first
//! thread is the head of the line; the others stand in a queue behind it. The heads of all lines
//! are in a hash table with chains, by their word. Adding or waking one thread therefore takes the
//! same time however long the line is, and a search passes only the heads of lines with another
//! word on the same chain.
//!
//! **All threads of a line are woken in one step.** The head moves to the queue of woken lines, and
//! takes the queue behind it along. A hart's loop makes the woken threads ready, a few at a time,
//! before it chooses the next thread. So a handler that wakes the sleepers of a tick is as short
//! with a thousand of them as with one. A woken thread keeps the state `Waiting` until it is made
//! ready. The number of its line tells that it was woken, because a search by the word no longer
//! finds a line of that number.
//!
//! Invariants: no two heads on a chain wait for the same word. A waiting thread is in exactly one
//! queue: a chain, the queue of woken lines, or the queue behind the head of its line.

use sync::Counted;

use super::super::Thread;
use super::key::ScheduleKey;
use super::place::State;
use super::queue::Queue;

/// The number of hash chains. Threads in line for one lock wait for a word of their own each, so
/// there may be as many lines as threads.
const CHAINS: usize = 1024;

/// The waiting threads.
pub struct Waiting {
    chains: [Queue; CHAINS],
    /// Lines that have been woken as a whole.
    woken: Queue,
    /// The number of lines made so far; the last line has this number.
    lines: u64,
}

impl Waiting {
    pub const fn new() -> Self {
        Self {
            chains: [const { Queue::new() }; CHAINS],
            woken: Queue::new(),
            lines: 0,
        }
    }

    /// Appends a thread, whose state is `Waiting`, to the line of its word.
    pub fn push(&mut self, key: &mut ScheduleKey, thread: Counted<Thread>) {
        let State::Waiting { word, .. } = thread.place.get(key).state else {
            unreachable!("a thread waits without saying for what");
        };
        let head = self.head(key, word).cloned();
        let line = match &head {
            Some(head) => head.place.get(key).line,
            None => {
                self.lines += 1;
                self.lines
            }
        };
        thread.place.get_mut(key).line = line;
        match head {
            Some(head) => change_behind(key, &head, |key, behind| behind.push(key, thread)),
            None => self.chains[chain(word)].push(key, thread),
        }
    }

    /// Removes and returns the thread that has waited longest for `word`.
    pub fn take_first(&mut self, key: &mut ScheduleKey, word: usize) -> Option<Counted<Thread>> {
        let head = self.head(key, word)?.clone();
        take_head(&mut self.chains[chain(word)], key, &head);
        Some(head)
    }

    /// Removes `thread`, which waits for `word`. Returns `false` if it was woken already.
    pub fn take(&mut self, key: &mut ScheduleKey, word: usize, thread: &Thread) -> bool {
        let line = thread.place.get(key).line;
        let head = self.head(key, word);
        let Some(head) = head
            .filter(|head| head.place.get(key).line == line)
            .cloned()
        else {
            return false;
        };
        if core::ptr::eq(&*head, thread) {
            take_head(&mut self.chains[chain(word)], key, &head);
        } else {
            change_behind(key, &head, |key, behind| behind.remove(key, thread));
        }
        true
    }

    /// Wakes all threads that wait for `word`. Returns whether there were any.
    pub fn wake_line(&mut self, key: &mut ScheduleKey, word: usize) -> bool {
        let Some(head) = self.head(key, word).cloned() else {
            return false;
        };
        self.chains[chain(word)].remove(key, &head);
        self.woken.push(key, head);
        true
    }

    /// Returns whether a thread was woken with its line and is not ready yet.
    pub fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// Removes and returns a thread that was woken with its line.
    pub fn take_woken(&mut self, key: &mut ScheduleKey) -> Option<Counted<Thread>> {
        let head = self.woken.iter(key).next()?.clone();
        take_head(&mut self.woken, key, &head);
        Some(head)
    }

    fn head<'a>(&'a self, key: &'a ScheduleKey, word: usize) -> Option<&'a Counted<Thread>> {
        self.chains[chain(word)].iter(key).find(|head| {
            matches!(head.place.get(key).state, State::Waiting { word: other, .. } if other == word)
        })
    }
}

/// Removes the head of a line from `queue`. The next thread of the line takes its place as head.
fn take_head(queue: &mut Queue, key: &mut ScheduleKey, head: &Thread) {
    queue.remove(key, head);
    let mut behind = core::mem::take(&mut head.place.get_mut(key).behind);
    if let Some(next) = behind.pop(key) {
        next.place.get_mut(key).behind = behind;
        queue.push(key, next);
    }
}

/// Changes the queue behind the head of a line.
fn change_behind(
    key: &mut ScheduleKey,
    head: &Thread,
    change: impl FnOnce(&mut ScheduleKey, &mut Queue),
) {
    let mut behind = core::mem::take(&mut head.place.get_mut(key).behind);
    change(key, &mut behind);
    head.place.get_mut(key).behind = behind;
}

/// Returns the hash chain of `word`. Words are aligned to 4 bytes, and many have equal offsets in
/// objects of equal size, so the product's upper bits are used.
fn chain(word: usize) -> usize {
    (word >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - CHAINS.trailing_zeros())
}
