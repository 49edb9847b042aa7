//! Queues of threads, first in, first out, linked through the threads themselves.

use sync::Counted;

use super::super::Thread;
use super::place::ScheduleKey;

/// A queue. A thread is in one queue at most, which is what its one link can express.
pub struct Queue {
    first: Option<Counted<Thread>>,
    last: Option<Counted<Thread>>,
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

    /// Puts a thread that is in no queue at the end.
    pub fn push(&mut self, key: &mut ScheduleKey, thread: Counted<Thread>) {
        match self.last.replace(thread.clone()) {
            Some(before) => before.place.get_mut(key).next = Some(thread),
            None => self.first = Some(thread),
        }
    }

    /// Takes the thread at the front.
    pub fn pop(&mut self, key: &mut ScheduleKey) -> Option<Counted<Thread>> {
        let thread = self.first.take()?;
        self.first = thread.place.get_mut(key).next.take();
        if self.first.is_none() {
            self.last = None;
        }
        Some(thread)
    }

    /// Takes the first thread for which `wanted` is true.
    pub fn remove(
        &mut self,
        key: &mut ScheduleKey,
        wanted: impl Fn(&Thread, &ScheduleKey) -> bool,
    ) -> Option<Counted<Thread>> {
        let mut before: Option<Counted<Thread>> = None;
        let mut at = self.first.clone();
        while let Some(thread) = at {
            if !wanted(&thread, key) {
                at = thread.place.get(key).next.clone();
                before = Some(thread);
                continue;
            }
            let next = thread.place.get_mut(key).next.take();
            if next.is_none() {
                self.last = before.clone();
            }
            match before {
                Some(before) => before.place.get_mut(key).next = next,
                None => self.first = next,
            }
            return Some(thread);
        }
        None
    }
}
