//! The threads that wait, found by the word they wait for.
//!
//! All who wait for one word are a *line*, in the order in which they came: its first thread heads
//! it and keeps the others in a queue behind itself. The heads of all lines stand in chains, by a
//! hash of their word. So a step costs the same however many wait for one word, and a search passes
//! over the few other words of a chain alone.
//!
//! **Everybody is woken at once.** Waking a line moves its head to the woken lines, with all behind
//! it, in one step. A hart's loop makes those threads ready, some at a time, before it chooses the
//! next thread. So a handler that wakes all sleepers of a tick is as short with a thousand of them
//! as with one. Until its turn comes, a woken thread is still said to wait; the number of its line
//! tells whether it does, for a line that is woken is never found by its word again.
//!
//! Invariants: no two heads on a chain wait for the same word; a thread that waits is in exactly
//! one queue: a chain, the woken lines, or the queue behind the head of its line.

use sync::Counted;

use super::super::Thread;
use super::place::{ScheduleKey, State};
use super::queue::Queue;

/// Chains that lines are spread over.
const CHAINS: usize = 64;

/// The waiting threads.
pub struct Waiting {
    chains: [Queue; CHAINS],
    /// Lines that have been woken as a whole.
    woken: Queue,
    /// How many lines there have ever been.
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

    /// Puts a thread whose state says that it waits at the end of its line.
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

    /// Takes the thread that has waited longest for `word`.
    pub fn take_first(&mut self, key: &mut ScheduleKey, word: usize) -> Option<Counted<Thread>> {
        let head = self.head(key, word)?.clone();
        take_head(&mut self.chains[chain(word)], key, &head);
        Some(head)
    }

    /// Takes `thread`, which waits for `word`. Returns whether it has not been woken before.
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

    /// Wakes all who wait for `word`. Returns whether there are any.
    pub fn wake_line(&mut self, key: &mut ScheduleKey, word: usize) -> bool {
        let Some(head) = self.head(key, word).cloned() else {
            return false;
        };
        self.chains[chain(word)].remove(key, &head);
        self.woken.push(key, head);
        true
    }

    /// Whether somebody has been woken with his line and is not ready yet.
    pub fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// Takes a thread that has been woken with its line.
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

/// Takes the head of a line out of `queue`, where the one behind it becomes the head.
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

/// The chain of a word. Words are aligned to 4 bytes, and many lie at the same place of equal objects.
fn chain(word: usize) -> usize {
    (word >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - CHAINS.trailing_zeros())
}
