//! Queues of threads, first in, first out, linked through the threads themselves.

use sync::Counted;

use super::super::Thread;
use super::key::ScheduleKey;

/// A queue of threads. A thread is in at most one queue, because it has only one pair of links.
#[derive(Default)]
pub struct Queue {
    first: Option<Counted<Thread>>,
    last: Option<Counted<Thread>>,
}

/// A thread's neighbours in its queue.
#[derive(Default)]
pub struct Links {
    next: Option<Counted<Thread>>,
    previous: Option<Counted<Thread>>,
}

impl Queue {
    pub const fn new() -> Self {
        Self {
            first: None,
            last: None,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Appends a thread, which must be in no queue.
    pub fn push(&mut self, key: &mut ScheduleKey, thread: Counted<Thread>) {
        let before = self.last.replace(thread.clone());
        match &before {
            Some(before) => before.place.get_mut(key).links.next = Some(thread.clone()),
            None => self.first = Some(thread.clone()),
        }
        thread.place.get_mut(key).links.previous = before;
    }

    /// Removes and returns the thread at the front.
    pub fn pop(&mut self, key: &mut ScheduleKey) -> Option<Counted<Thread>> {
        let thread = self.first.clone()?;
        self.remove(key, &thread);
        Some(thread)
    }

    /// Removes a thread that is in this queue, in constant time.
    pub fn remove(&mut self, key: &mut ScheduleKey, thread: &Thread) {
        let Links { next, previous } = core::mem::take(&mut thread.place.get_mut(key).links);
        let before = match &previous {
            Some(previous) => &mut previous.place.get_mut(key).links.next,
            None => &mut self.first,
        };
        *before = next.clone();
        let behind = match &next {
            Some(next) => &mut next.place.get_mut(key).links.previous,
            None => &mut self.last,
        };
        *behind = previous;
    }

    /// Returns the threads from the front to the end.
    pub fn iter<'a>(&'a self, key: &'a ScheduleKey) -> impl Iterator<Item = &'a Counted<Thread>> {
        let behind = |&thread: &&'a Counted<Thread>| thread.place.get(key).links.next.as_ref();
        core::iter::successors(self.first.as_ref(), behind)
    }
}
